import { describe, expect, it } from 'vitest'
import { MemorySchemaRegistry, SchemaRegistryUnavailableError, schemaSerde } from '../../../infra/serdes/index.ts'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { optionalPackage } from '../../../state/optional-package.ts'
import { MissingPackageError } from '../../../state/ports/errors.ts'
import { type Plan, type Serde, StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

interface Trip {
  readonly id: string
  readonly km: number
  readonly city?: string
}

const field = (name: string, type: string, more: object = {}) => ({ name, type, ...more })
const TRIP = { type: 'record', name: 'Trip', fields: [field('id', 'string'), field('km', 'int')] }
const WITH_CITY = { ...TRIP, fields: [...TRIP.fields, field('city', 'string', { default: 'Oslo' })] }

const STRING = { format: 'avro', schema: '"string"' } as const

const tripSerde = (registry: MemorySchemaRegistry, schema: object = TRIP): Serde<Trip> =>
  schemaSerde<Trip>(registry, { format: 'avro', schema })

/** The longest trip of each key, and all trips by city through a repartition topic of a table. */
function plan(registry: MemorySchemaRegistry, schema: object = TRIP): Plan {
  const trips = tripSerde(registry, schema)
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  const longest = builder
    .stream<string, Trip>('trips', { valueSerde: tripSerde(registry, schema) })
    .groupByKey()
    .reduce((a, b) => (b.km > a.km ? b : a), { materialized: { name: 'longest', valueSerde: trips } })
  longest.toStream().to('out', { valueSerde: trips })
  longest
    .groupBy((_key, trip) => [trip.id, trip] as const, { name: 'by-id', valueSerde: trips })
    .count({ materialized: { name: 'by-id-counts' } })
  return builder.build().build({ applicationId: 'app' })
}

async function encoded(registry: MemorySchemaRegistry, trip: Trip, schema: object = TRIP): Promise<Buffer> {
  const serde = tripSerde(registry, schema)
  await serde.prepare?.('trips', 'write')
  return Buffer.from(serde.serialize('trips', trip))
}

describe('a topology whose serdes use a schema registry', () => {
  it('runs in the test driver, once it is prepared', async () => {
    const registry = new MemorySchemaRegistry()
    const driver = new TopologyTestDriver(plan(registry))
    const trips = driver.inputTopic('trips', serdes.string, tripSerde(registry))
    const out = driver.outputTopic('out', serdes.string, tripSerde(registry))
    await driver.prepare()
    trips.pipeInput('k', { id: 'a', km: 3 })
    trips.pipeInput('k', { id: 'b', km: 2 })
    expect(out.readRecords().map(({ value }) => value)).toEqual([
      { id: 'a', km: 3 },
      { id: 'a', km: 3 },
    ])
    driver.close()
  })

  it('gets the schemas of a batch before its records, and registers those it writes', async () => {
    const registry = new MemorySchemaRegistry()
    const value = await encoded(registry, { id: 'a', km: 3 })
    const app = new MemoryApp({ plan: plan(registry), topics: { trips: 1, out: 1 } })
    await app.start()
    app.cluster.append({ topic: 'trips', partition: 0 }, [{ key: Buffer.from('k'), value, timestamp: 0, headers: [] }])
    await app.drained('trips')
    expect(app.records('out').map((record) => record.value)).toEqual([value])
    expect([...registry.subjects].sort()).toEqual([
      'app-by-id-repartition-value',
      'app-longest-changelog-value',
      'out-value',
      'trips-value',
    ])
    await app.instance.close()
  })

  it('reads rows that its last version wrote, from its disk and from the changelog', async () => {
    const registry = new MemorySchemaRegistry()
    const value = await encoded(registry, { id: 'a', km: 3 })
    const app = new MemoryApp({ plan: plan(registry), topics: { trips: 1, out: 1 } })
    await app.start()
    const feed = (bytes: Buffer): void => {
      app.cluster.append({ topic: 'trips', partition: 0 }, [
        { key: Buffer.from('k'), value: bytes, timestamp: 0, headers: [] },
      ])
    }
    feed(value)
    await app.drained('trips')
    // The next program: no schema of this process knows the old id yet.
    await app.restart(plan(registry, WITH_CITY))
    feed(await encoded(registry, { id: 'b', km: 2, city: 'Bergen' }, WITH_CITY))
    await app.drained('trips')
    const reader = tripSerde(registry, WITH_CITY)
    const last = app.records('out').at(-1)?.value as Buffer
    await reader.prepareRecords?.('out', [last])
    expect(reader.deserialize('out', last)).toEqual({ id: 'a', km: 3, city: 'Oslo' })
    expect((await app.instance.get('longest', 'k')).result).toEqual({
      value: { id: 'a', km: 3, city: 'Oslo' },
      timestamp: 0,
    })
    await app.instance.close()
  })

  it('restores a table from its source topic when its schemas are under subjects of other names', async () => {
    const registry = new MemorySchemaRegistry()
    const writer = schemaSerde<Trip>(registry, { format: 'avro', schema: TRIP, subject: 'by-record-name' })
    await writer.prepare?.('trips', 'write')
    const value = Buffer.from(writer.serialize('trips', { id: 'a', km: 3 }))
    const table = (): Plan => {
      const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, topologyOptimization: 'all' })
      const valueSerde = schemaSerde<Trip>(registry, { format: 'avro' })
      builder.table('trips', { valueSerde, materialized: { name: 'table', valueSerde: tripSerde(registry) } })
      return builder.build().build({ applicationId: 'app' })
    }
    const app = new MemoryApp({ plan: table(), topics: { trips: 1 } })
    await app.start()
    app.cluster.append({ topic: 'trips', partition: 0 }, [{ key: Buffer.from('k'), value, timestamp: 5, headers: [] }])
    await app.drained('trips')
    const row = { value: { id: 'a', km: 3 }, timestamp: 5 }
    expect((await app.instance.get('table', 'k')).result).toEqual(row)
    app.disk = memoryBackends()
    await app.restart(table())
    await app.time.until('restored', () => app.instance.state() === 'RUNNING')
    expect((await app.instance.get('table', 'k')).result).toEqual(row)
    await app.instance.close()
  })

  it('answers queries in a thread that has read no record', async () => {
    const registry = new MemorySchemaRegistry()
    const keyed = (): Plan => {
      const builder = new StreamsBuilder({ defaultKeySerde: schemaSerde(registry, { ...STRING, isKey: true }) })
      builder.table('words', { valueSerde: schemaSerde(registry, STRING), materialized: { name: 'table' } })
      return builder.build().build({ applicationId: 'app' })
    }
    const writer = schemaSerde<string>(registry, STRING)
    await writer.prepare?.('words', 'write')
    const bytes = (text: string): Buffer => Buffer.from(writer.serialize('words', text))
    const app = new MemoryApp({ plan: keyed(), queryPlan: keyed(), topics: { words: 1 } })
    await app.start()
    app.cluster.append({ topic: 'words', partition: 0 }, [
      { key: bytes('k'), value: bytes('v'), timestamp: 5, headers: [] },
    ])
    await app.drained('words')
    expect((await app.instance.get('table', 'k')).result).toEqual({ value: 'v', timestamp: 5 })
    expect((await app.instance.range('table', null, null)).result).toEqual([['k', { value: 'v', timestamp: 5 }]])
    await app.instance.close()
  })

  it('waits while the registry is down, and makes dead letters of what it does not know', async () => {
    const registry = new MemorySchemaRegistry()
    const value = await encoded(registry, { id: 'a', km: 3 })
    const unknown = Buffer.from(value)
    unknown.writeInt32BE(99, 1)
    const known = registry.schema.bind(registry)
    const app = new MemoryApp({
      plan: plan(registry),
      topics: { trips: 1, out: 1 },
      config: { deserializationExceptionHandler: 'dead-letter' },
    })
    await app.start()
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    await app.time.pass(1000)
    let isDown = true
    registry.schema = async (id) => {
      if (isDown) throw new SchemaRegistryUnavailableError('the schema registry does not answer')
      return await known(id)
    }
    for (const bytes of [unknown, value]) {
      app.cluster.append({ topic: 'trips', partition: 0 }, [{ key: null, value: bytes, timestamp: 0, headers: [] }])
      app.cluster.append({ topic: 'trips', partition: 0 }, [
        { key: Buffer.from('k'), value: bytes, timestamp: 0, headers: [] },
      ])
    }
    await app.time.pass(10_000)
    expect(new Set(app.recovered.map(({ message }) => message))).toEqual(
      new Set(['the schema registry does not answer']),
    )
    expect([app.records('out'), app.records('app.dlq')]).toEqual([[], []])
    isDown = false
    await app.drained('trips')
    expect(app.records('out')).toHaveLength(1)
    expect(app.records('app.dlq').map((record) => record.value)).toEqual([unknown, unknown])
    await app.instance.close()
  })
})

it('an unknown format is refused; a package that is not installed is named', () => {
  const registry = new MemorySchemaRegistry()
  expect(() => schemaSerde(registry, { format: 'xml' as never })).toThrow(
    'format must be avro, protobuf or json-schema, not xml',
  )
  expect(() => optionalPackage('Such serdes', 'no-such-format')).toThrow(
    new MissingPackageError('Such serdes', ['no-such-format']),
  )
})
