import { HttpSchemaRegistry, schemaSerde } from '../../exports/serdes.ts'
import { StreamsBuilder, serdes } from '../../topology/index.ts'
import { TRIP, type Trip } from '../support/trip-schema.ts'

/** The longest trip of each driver. Each thread that loads this module has a client of the registry of its own. */
const { TEST_REGISTRY_URL = 'http://localhost:8081', TEST_REGISTRY_TOPIC = 'trips' } = process.env

const trips = schemaSerde<Trip>(new HttpSchemaRegistry({ url: TEST_REGISTRY_URL }), { format: 'avro', schema: TRIP })
const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
builder
  .stream<string, Trip>(TEST_REGISTRY_TOPIC, { valueSerde: trips })
  .groupByKey()
  .reduce((a, b) => (b.km > a.km ? b : a), { materialized: { name: 'longest', valueSerde: trips } })

export const topology = builder.build()
