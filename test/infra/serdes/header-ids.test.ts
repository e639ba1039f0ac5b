import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  HttpSchemaRegistry,
  MemorySchemaRegistry,
  type SchemaRegistry,
  type SchemaSerdeOptions,
  schemaSerde,
} from '../../../infra/serdes/index.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { lastHeader } from '../../../state/ports/headers.ts'
import { type Header, type Plan, type Serde, StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { SchemaRegistryServer } from '../../support/schema-registry-server.ts'

/* Schema ids in headers, as Confluent's clients write them: `__value_schema_id` with a 1 and the 16 bytes of the schema's GUID. */

interface Trip {
  readonly id: string
  readonly km: number
}

const fields = [
  { name: 'id', type: 'string' },
  { name: 'km', type: 'int' },
]
const TRIP = { type: 'record', name: 'Trip', fields }
const AVRO = { format: 'avro', schema: TRIP } as const
const VALUE = '__value_schema_id'

/** A record of a Confluent client. */
async function sent(registry: MemorySchemaRegistry, topic: string, trip: Trip) {
  const prefixed = schemaSerde<Trip>(registry, AVRO)
  await prefixed.prepare?.(topic, 'write')
  const { guid = '' } = await registry.version(`${topic}-value`, 1)
  const value = Buffer.concat([Buffer.of(1), Buffer.from(guid.replaceAll('-', ''), 'hex')])
  const headers: Header[] = [
    { key: 'from', value: Buffer.from('confluent') },
    { key: VALUE, value },
  ]
  return { id: value, value: Buffer.from(prefixed.serialize(topic, trip)).subarray(5), headers }
}

/** The longest trip of each rider, through a repartition topic; each store and topic has the ids where `schemaIds` says. */
function longest(registry: SchemaRegistry, schemaIds: SchemaSerdeOptions['schemaIds']): Plan {
  const trips = (): Serde<Trip> => schemaSerde<Trip>(registry, { ...AVRO, schemaIds })
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .stream<string, Trip>('trips', { valueSerde: trips() })
    .selectKey((_key, trip) => trip.id)
    .groupByKey({ name: 'by-id', valueSerde: trips() })
    .reduce((a, b) => (b.km > a.km ? b : a), { materialized: { name: 'longest', valueSerde: trips() } })
    .toStream()
    .to('out', { valueSerde: trips() })
  return builder.build().build({ applicationId: 'app' })
}

it.each(['prefix', 'header'] as const)(
  'ids in headers are read; what is written has them by option, here as %s, and stores before the value',
  async (schemaIds) => {
    const registry = new MemorySchemaRegistry()
    const app = new MemoryApp({ plan: longest(registry, schemaIds), topics: { trips: 1, out: 1 } })
    await app.start()
    const { id, value, headers } = await sent(registry, 'trips', { id: 'a', km: 3 })
    const key = Buffer.from('k')
    app.cluster.append({ topic: 'trips', partition: 0 }, [{ key, value, timestamp: 5, headers }])
    await app.drained('trips')
    await app.drained('app-by-id-repartition')
    expect(app.records('app.dlq')).toEqual([])
    const [out] = app.records('out')
    const said = lastHeader(out?.headers ?? [], VALUE)
    expect([...(out?.headers ?? [])].map((header) => header.key)).toEqual(
      schemaIds === 'prefix' ? ['from'] : ['from', VALUE],
    )
    expect([said, out?.value]).toEqual(
      schemaIds === 'prefix' ? [undefined, Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), value])] : [id, value],
    )
    const [row] = app.records('app-longest-changelog')
    expect([lastHeader(row?.headers ?? [], VALUE), row?.value?.subarray(-value.length - 5)]).toEqual([
      undefined,
      Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), value]),
    ])
    expect((await app.instance.get('longest', 'a')).result).toEqual({ value: { id: 'a', km: 3 }, timestamp: 5 })
    await app.instance.close()
  },
)

it('an id in a header goes before the bytes, the last of several counts, and one without a value does not', async () => {
  const registry = new MemorySchemaRegistry()
  const { id, value, headers } = await sent(registry, 't', { id: 'a', km: 3 })
  const serde = schemaSerde<Trip>(registry, { format: 'avro' })
  const number = Buffer.from([0, 0, 0, 0, 1])
  const read = async (bytes: Buffer, ...values: readonly (Buffer | null)[]): Promise<Trip> => {
    const own = values.map((one) => ({ key: VALUE, value: one }))
    await serde.prepareRecords?.('t', [bytes], [own])
    return serde.deserialize('t', bytes, own)
  }
  const trip = { id: 'a', km: 3 }
  await serde.prepareRecords?.('t', [value], [headers])
  expect(serde.deserialize('t', value, headers)).toEqual(trip)
  expect(await read(value, Buffer.of(7), id)).toEqual(trip)
  expect(await read(value, number)).toEqual(trip)
  expect(await read(Buffer.concat([number, value]), null)).toEqual(trip)
  expect(await read(Buffer.concat([id, value]))).toEqual(trip)
  for (const wrong of [Buffer.alloc(0), Buffer.of(7), id.subarray(0, 16)])
    await expect(read(value, wrong)).rejects.toThrow(`header ${VALUE} holds no id of a schema`)
  const unknown = Buffer.alloc(17, 1)
  await expect(read(value, unknown)).rejects.toThrow(
    'the schema registry has no schema 01010101-0101-0101-0101-010101010101',
  )
})

it('a registry without GUIDs: records that have one are invalid, and nothing is written by them', async () => {
  const memory = new MemorySchemaRegistry()
  const { value, headers } = await sent(memory, 't', { id: 'a', km: 3 })
  const registry: SchemaRegistry = {
    schema: (id) => memory.schema(id),
    versions: (subject) => memory.versions(subject),
    version: async (subject, version) => ({ ...(await memory.version(subject, version)), guid: undefined }),
    lookup: (subject, schema) => memory.lookup(subject, schema),
    register: (subject, schema) => memory.register(subject, schema),
  }
  const serde = schemaSerde<Trip>(registry, AVRO)
  await serde.prepareRecords?.('t', [value], [headers])
  expect(() => serde.deserialize('t', value, headers)).toThrow('the schema registry knows no GUIDs')
  const writer = schemaSerde<Trip>(registry, { ...AVRO, schemaIds: 'header' })
  await expect(writer.prepare?.('t', 'write')).rejects.toMatchObject({
    code: 'CONFIG',
    message: "subject t-value: schemaIds 'header' needs GUIDs, and the schema registry has none: use 'prefix'",
  })
  expect(() => schemaSerde(registry, { ...AVRO, schemaIds: 'footer' as never })).toThrow(
    'schemaIds must be prefix or header, not footer',
  )
})

it('keys with their schemas in headers: a join by a foreign key has two in one record, and queries ask the partition of the key', async () => {
  type Key = Readonly<Record<string, string>>
  const registry = new MemorySchemaRegistry()
  const keyed = (name: string): Serde<Key> => {
    const schema = { type: 'record', name, fields: [{ name, type: 'string' }] }
    return schemaSerde<Key>(registry, { format: 'avro', schema, isKey: true, schemaIds: 'header' })
  }
  const builder = new StreamsBuilder({ defaultValueSerde: serdes.string })
  const trips = builder.table<Key, string>('trips', { keySerde: keyed('trip'), materialized: { name: 'by-trip' } })
  const drivers = builder.table<Key, string>('drivers', { keySerde: keyed('driver') })
  trips
    .joinOnForeignKey(drivers, {
      foreignKeyExtractor: (driver) => ({ driver }),
      joiner: (driver, name) => `${driver} is ${name}`,
      name: 'fk',
    })
    .toStream()
    .to('out')
  const plan = builder.build().build({ applicationId: 'app' })
  const app = new MemoryApp({ plan, topics: { trips: 2, drivers: 2, out: 2 } })
  const send = async (topic: string, name: string, id: string, value: string): Promise<void> => {
    const serde = keyed(name)
    await serde.prepare?.(topic, 'write')
    const headers = serde.writtenHeaders?.(topic, []) ?? []
    const key = Buffer.from(serde.serialize(topic, { [name]: id }, headers))
    const at = { topic, partition: partitionForKey(key, 2) }
    app.cluster.append(at, [{ key, value: Buffer.from(value), timestamp: 1, headers }])
  }
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const id of ids) await send('drivers', 'driver', `d-${id}`, id.toUpperCase())
  for (const id of ids) await send('trips', 'trip', `t-${id}`, `d-${id}`)
  await app.start()
  const out = (): readonly string[] => app.records('out').map(({ value }) => String(value))
  await app.time.until('all trips have their driver', () => out().length === ids.length)
  expect([...out()].sort()).toEqual(ids.map((id) => `d-${id} is ${id.toUpperCase()}`))
  expect(app.records('app.dlq')).toEqual([])
  const found = ids.map((id) => app.instance.get('by-trip', { trip: `t-${id}` }))
  expect((await Promise.all(found)).map(({ result }) => result)).toEqual(
    ids.map((id) => ({ value: `d-${id}`, timestamp: 1 })),
  )
  await app.instance.close()
})

let server: SchemaRegistryServer
beforeAll(async () => {
  server = await new SchemaRegistryServer().start()
})
afterAll(async () => await server.close())

it('over HTTP: keys and values have headers of their own, and protobuf has the place of its message in it', async () => {
  const client = () => new HttpSchemaRegistry({ url: server.url })
  const schema = 'syntax = "proto3"; message Place { string city = 1; } message Trip { string id = 1; }'
  const options = { format: 'protobuf', schema, messageName: 'Trip', isKey: true, schemaIds: 'header' } as const
  const writer = schemaSerde<object>(client(), options)
  await writer.prepare?.('t', 'write')
  const headers = [...(writer.writtenHeaders?.('t', []) ?? [])]
  const bytes = Buffer.from(writer.serialize('t', { id: 'a' }, headers))
  expect(bytes.toString('hex')).toBe('0a0161')
  const [said] = headers
  // A 1, the GUID; one index, 1, in zigzag.
  expect([headers.length, said?.key, said?.value?.length, said?.value?.[0], said?.value?.toString('hex', 17)]).toEqual([
    ...[1, '__key_schema_id', 19, 1, '0202'],
  ])
  const reader = schemaSerde<object>(client(), { format: 'protobuf', isKey: true })
  await reader.prepareRecords?.('t', [bytes], [headers])
  expect(reader.deserialize('t', bytes, headers)).toEqual({ id: 'a' })
  expect(reader.keptHeaders?.([...headers, { key: 'other', value: null }])).toEqual([{ key: 'other', value: null }])
  // A serde around it that writes no headers still says the schema.
  const bare = Buffer.from(writer.serialize('t', { id: 'a' }))
  await reader.prepareRecords?.('t', [bare])
  expect(reader.deserialize('t', bare)).toEqual({ id: 'a' })
})
