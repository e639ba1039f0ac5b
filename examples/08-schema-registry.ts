/* Orders in Avro, with their schemas in a registry: the largest of each customer, in a store and an output topic. */
import { KafkaStreams, StreamsBuilder, serdes, type Topology } from 'ride-streams'
import { HttpSchemaRegistry, type SchemaRegistry, schemaSerde } from 'ride-streams/serdes'

export interface Order {
  readonly orderId: string
  readonly cents: number
}

const ORDER = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'orderId', type: 'string' },
    { name: 'cents', type: 'int' },
  ],
}

export const orderSerde = (registry: SchemaRegistry) => schemaSerde<Order>(registry, { format: 'avro', schema: ORDER })

export function topology(registry: SchemaRegistry): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: orderSerde(registry) })
  builder
    .stream<string, Order>('orders')
    .groupByKey()
    .reduce((largest, order) => (order.cents > largest.cents ? order : largest), { materialized: { name: 'largest' } })
    .toStream()
    .to('largest-orders')
  return builder.build()
}

if (import.meta.main) {
  const registry = new HttpSchemaRegistry({ url: 'http://localhost:8081' })
  await new KafkaStreams(topology(registry), { applicationId: 'largest-orders', brokers: 'localhost:9092' }).start()
}
