import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HttpSchemaRegistry, type SchemaSerdeOptions, schemaSerde } from '../../../infra/serdes/index.ts'
import type { Serde } from '../../../topology/index.ts'

interface RunningRegistry {
  readonly url: string
  close(): Promise<void>
}

interface Trip {
  readonly id: string
  readonly km: number
  readonly city?: string
}

const TRIP = {
  type: 'record',
  name: 'Trip',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'km', type: 'int' },
  ],
}
const TRIP_WITH_CITY = { ...TRIP, fields: [...TRIP.fields, { name: 'city', type: 'string', default: 'Oslo' }] }
const TRIP_WITH_DRIVER = { ...TRIP, fields: [...TRIP.fields, { name: 'driver', type: 'string' }] }

const TRIP_JSON = {
  type: 'object',
  properties: { id: { type: 'string' }, km: { type: 'integer' } },
  required: ['id'],
}

const TRIP_PROTO = `
syntax = "proto3";
package rides;
message Place { string city = 1; }
message Trip {
  message Stop { Place place = 1; int64 at = 2; }
  string id = 1;
  repeated Stop stops = 2;
}
`

/** These tests say what serdes want of a registry. The caller runs them on one. */
export function registryConformance(start: () => Promise<RunningRegistry>): void {
  let running: RunningRegistry
  beforeAll(async () => {
    running = await start()
  }, 240_000)
  afterAll(async () => await running?.close())

  const topicOf = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`
  /** A serde with a client of its own, as another program has. */
  const serde = <T = Trip>(
    options: SchemaSerdeOptions,
  ): Serde<T> & Required<Pick<Serde<T>, 'prepare' | 'prepareRecords'>> =>
    schemaSerde<T>(new HttpSchemaRegistry({ url: running.url }), options) as never

  async function written<T>(topic: string, options: SchemaSerdeOptions, value: T): Promise<Buffer> {
    const writer = serde<T>(options)
    await writer.prepare(topic, 'write')
    return Buffer.from(writer.serialize(topic, value))
  }

  async function read<T>(topic: string, options: SchemaSerdeOptions, bytes: Buffer): Promise<T> {
    const reader = serde<T>(options)
    await reader.prepareRecords(topic, [bytes])
    expect(reader.prepareRecords(topic, [bytes])).toBeNull()
    return reader.deserialize(topic, bytes)
  }

  it('Avro: a 0, the id, the value; a reader without a schema gets what was written', async () => {
    const topic = topicOf('trips')
    const bytes = await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    const id = await new HttpSchemaRegistry({ url: running.url }).lookup(`${topic}-value`, {
      ...{ type: 'AVRO', text: JSON.stringify(TRIP), references: [] },
    })
    expect([bytes[0], bytes.readInt32BE(1), bytes.subarray(5).toString('hex')]).toEqual([0, id, '026106'])
    expect(await read(topic, { format: 'avro' }, bytes)).toEqual({ id: 'a', km: 3 })
  })

  it('Avro: a reader with a newer schema resolves what was written with the older one', async () => {
    const topic = topicOf('trips')
    const bytes = await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    const trip = await read(topic, { format: 'avro', schema: TRIP_WITH_CITY }, bytes)
    expect(trip).toEqual({ id: 'a', km: 3, city: 'Oslo' })
  })

  it('Avro: schemas import others by reference', async () => {
    const topic = topicOf('trips')
    const subject = topicOf('place')
    const place = { type: 'record', name: 'Place', namespace: 'rides', fields: [{ name: 'city', type: 'string' }] }
    const registry = new HttpSchemaRegistry({ url: running.url })
    await registry.register(subject, { type: 'AVRO', text: JSON.stringify(place), references: [] })
    const schema = { ...TRIP, namespace: 'rides', fields: [{ name: 'from', type: 'rides.Place' }] }
    const references = [{ name: 'rides.Place', subject, version: 1 }]
    const bytes = await written(topic, { format: 'avro', schema, references }, { from: { city: 'Oslo' } })
    expect(await read(topic, { format: 'avro' }, bytes)).toEqual({ from: { city: 'Oslo' } })
  })

  it('JSON Schema: values are checked when they are written and read', async () => {
    const topic = topicOf('trips')
    const options = { format: 'json-schema', schema: TRIP_JSON } as const
    const bytes = await written(topic, options, { id: 'a', km: 3 })
    expect(bytes.subarray(5).toString()).toBe('{"id":"a","km":3}')
    expect(await read(topic, { format: 'json-schema' }, bytes)).toEqual({ id: 'a', km: 3 })
    await expect(written(topic, options, { id: 'a', km: 'far' })).rejects.toThrow('/km must be integer')
    const wrong = Buffer.concat([bytes.subarray(0, 5), Buffer.from('{"km":3}')])
    await expect(read(topic, { format: 'json-schema' }, wrong)).rejects.toMatchObject({
      ...{ code: 'INVALID_RECORD', reason: 'schema', message: "the value must have required property 'id'" },
    })
  })

  it('Protobuf: the bytes say which message of the file it is', async () => {
    const topic = topicOf('trips')
    const trip = { id: 'a', stops: [{ place: { city: 'Oslo' }, at: '9007199254740993' }] }
    const proto = { format: 'protobuf', schema: TRIP_PROTO } as const
    const bytes = await written(topic, { ...proto, messageName: 'rides.Trip' }, trip)
    // One index, 1, in zigzag; then field 1.
    expect(bytes.subarray(5, 10).toString('hex')).toBe('02020a0161')
    expect(await read(topic, { format: 'protobuf' }, bytes)).toEqual(trip)
    const first = await written(topic, proto, { city: 'Oslo' })
    expect(first.subarray(5, 7).toString('hex')).toBe('000a')
    expect(await read(topic, { format: 'protobuf' }, first)).toEqual({ city: 'Oslo' })
    const stop = await written(topic, { ...proto, messageName: 'rides.Trip.Stop' }, { at: '5' })
    expect(stop.subarray(5, 8).toString('hex')).toBe('040200')
    expect(await read(topic, { format: 'protobuf' }, stop)).toEqual({ place: null, at: '5' })
  })

  it('records with an id that the registry does not know, or of another format, are invalid', async () => {
    const topic = topicOf('trips')
    const bytes = await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    const foreign = Buffer.from(bytes)
    foreign.writeInt32BE(987_654, 1)
    const invalid = (message: string) => ({ code: 'INVALID_RECORD', reason: 'schema', message })
    const reader = serde({ format: 'avro' })
    await reader.prepareRecords(topic, [foreign, bytes])
    expect(() => reader.deserialize(topic, foreign)).toThrow('the schema registry has no schema 987654')
    expect(reader.deserialize(topic, bytes)).toEqual({ id: 'a', km: 3 })
    expect(() => reader.deserialize(topic, Buffer.from('{}'))).toThrow('the bytes do not begin with a 0 and the id')
    await expect(
      (async () => {
        const other = serde({ format: 'json-schema' })
        await other.prepareRecords(topic, [bytes])
        other.deserialize(topic, bytes)
      })(),
    ).rejects.toMatchObject(invalid(`schema ${bytes.readInt32BE(1)} is AVRO, and the serde reads JSON`))
  })

  it('a schema that readers would not understand is refused with subject, version and the reason', async () => {
    const topic = topicOf('trips')
    await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    const subject = `${topic}-value`
    const set = await fetch(`${running.url}/config/${subject}`, {
      ...{ method: 'PUT', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
    })
    expect(set.status).toBe(200)
    const failure = await serde({ format: 'avro', schema: TRIP_WITH_DRIVER })
      .prepare(topic, 'write')
      .then(
        () => null,
        (error: unknown) => error,
      )
    expect(failure).toMatchObject({ code: 'INCOMPATIBLE_SCHEMA', subject, version: 1 })
    expect((failure as Error).message).toMatch(`the schema is not compatible with version 1 of subject ${subject}: `)
    // One with a default is.
    await serde({ format: 'avro', schema: TRIP_WITH_CITY }).prepare(topic, 'write')
  })

  it('without autoRegister the schema must be there; without a schema the latest version is written', async () => {
    const topic = topicOf('trips')
    const looked = { format: 'avro', schema: TRIP, autoRegister: false } as const
    await expect(written(topic, looked, { id: 'a', km: 3 })).rejects.toMatchObject({
      code: 'UNKNOWN_SCHEMA',
      message: `the schema is not registered under subject ${topic}-value (autoRegister is off)`,
    })
    await expect(written(topic, { format: 'avro' }, {})).rejects.toMatchObject({ code: 'UNKNOWN_SCHEMA' })
    const bytes = await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    expect(await written(topic, looked, { id: 'a', km: 3 })).toEqual(bytes)
    expect(await written(topic, { format: 'avro' }, { id: 'a', km: 3 })).toEqual(bytes)
  })

  it('a store reads rows of all versions of its subject without seeing them before', async () => {
    const topic = topicOf('app-trips-changelog')
    const old = await written(topic, { format: 'avro', schema: TRIP }, { id: 'a', km: 3 })
    const store = serde({ format: 'avro', schema: TRIP_WITH_CITY })
    await store.prepare(topic, 'store')
    expect(store.deserialize(topic, old)).toEqual({ id: 'a', km: 3, city: 'Oslo' })
    const row = Buffer.from(store.serialize(topic, { id: 'b', km: 4, city: 'Bergen' }))
    expect(store.deserialize(topic, row)).toEqual({ id: 'b', km: 4, city: 'Bergen' })
  })
}
