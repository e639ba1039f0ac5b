import { describe, expect, it } from 'vitest'
import { changeSerde } from '../../topology/change-serde.ts'
import { type Serde, serdes, sessionWindowedSerde, timeWindowedSerde } from '../../topology/index.ts'
import { bufferedChangeSerde } from '../../topology/operators/buffered-change-serde.ts'
import { change } from '../../topology/operators/change.ts'
import { murmur3 } from '../../topology/operators/foreign-key/murmur3.ts'
import { responseSerde, subscriptionSerde } from '../../topology/operators/foreign-key/subscription.ts'
import { waitingKeySerde, waitingValueSerde } from '../../topology/operators/join-buffer.ts'
import { unjoinedKeySerde, unjoinedValuesSerde } from '../../topology/operators/unjoined.ts'
import { partitionerFor } from '../../topology/windowed-serdes.ts'

const hex = (bytes: Buffer | string): string => Buffer.from(bytes).toString('hex')
const T = 'topic'

describe('the formats of Kafka', () => {
  it.each([
    [0, '0000000000000000'],
    [1, '0000000000000001'],
    [-1, 'ffffffffffffffff'],
    [2 ** 40 + 5, '0000010000000005'],
    [-(2 ** 40) - 5, 'fffffefffffffffb'],
    [Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
    [Number.MIN_SAFE_INTEGER, 'ffe0000000000001'],
  ])('include int64 %d', (value, expected) => {
    const bytes = Buffer.from(serdes.int64.serialize(T, value))
    expect(hex(bytes)).toBe(expected)
    expect(serdes.int64.deserialize(T, bytes)).toBe(value)
  })

  it('refuse int64 values that a JavaScript number cannot hold', () => {
    expect(() => serdes.int64.serialize(T, 2 ** 53)).toThrow(RangeError)
    expect(() => serdes.int64.serialize(T, 0.5)).toThrow(RangeError)
    expect(() => serdes.int64.deserialize(T, Buffer.from('7fffffffffffffff', 'hex'))).toThrow(RangeError)
    expect(() => serdes.int64.deserialize(T, Buffer.alloc(7))).toThrow('expected 8 bytes, got 7')
  })

  it('include int32, float64, uuid, bytes and json', () => {
    expect(hex(serdes.int32.serialize(T, -2))).toBe('fffffffe')
    expect(hex(serdes.float64.serialize(T, 1.5))).toBe('3ff8000000000000')
    const uuid = '123e4567-e89b-42d3-a456-426614174000'
    expect(serdes.uuid.serialize(T, uuid)).toBe(uuid)
    expect(() => serdes.uuid.deserialize(T, Buffer.from('no'))).toThrow(RangeError)
    expect(serdes.json<{ a: number }>().serialize(T, { a: 1 })).toBe('{"a":1}')
    const source = Buffer.from([1, 2])
    const copy = serdes.bytes.deserialize(T, source)
    source[0] = 9
    expect([...copy]).toEqual([1, 2])
  })

  it('include windowed keys', () => {
    const time = timeWindowedSerde(serdes.string, 2000)
    const bytes = Buffer.from(time.serialize(T, { key: 'b', window: { start: 8000, end: 10_000 } }))
    expect(bytes.toString('base64')).toBe('YgAAAAAAAB9A')
    expect(time.deserialize(T, bytes)).toEqual({ key: 'b', window: { start: 8000, end: 10_000 } })
    const session = sessionWindowedSerde(serdes.string)
    const sessionBytes = Buffer.from(session.serialize(T, { key: 'b', window: { start: 22_357, end: 24_034 } }))
    expect(sessionBytes.toString('base64')).toBe('YgAAAAAAAF3iAAAAAAAAV1U=')
    expect(session.deserialize(T, sessionBytes)).toEqual({ key: 'b', window: { start: 22_357, end: 24_034 } })
    expect(() => session.deserialize(T, Buffer.alloc(15))).toThrow(RangeError)
  })

  it('partition windowed keys by the inner key', () => {
    const partitioner = partitionerFor(timeWindowedSerde(serdes.string, 10))
    const of = (start: number) => partitioner?.(T, { key: 'some-key', window: { start, end: start + 10 } }, null, 7)
    expect(of(0)).toBe(of(1_000_000))
    expect(partitionerFor(serdes.string)).toBeUndefined()
  })

  /* Bytes from Kafka Streams 4.2.1's ChangedSerializer. */
  it.each([
    [change<string>('new', null), '6e657701'],
    [change<string>(null, 'old'), '6f6c6400'],
    [change('new', 'older'), '066e65776f6c64657202'],
  ])('include changes in a repartition topic: %j', (value, expected) => {
    const serde = changeSerde(serdes.string)
    const bytes = Buffer.from(serde.serialize(T, value))
    expect(hex(bytes)).toBe(expected)
    expect(serde.deserialize(T, bytes)).toEqual(value)
  })

  it('include changes with long values, of later versions, and broken ones', () => {
    const serde = changeSerde(serdes.string)
    const long = change('n'.repeat(300), 'o')
    const bytes = Buffer.from(serde.serialize(T, long))
    expect(hex(bytes.subarray(0, 3))).toBe('d8046e')
    expect(serde.deserialize(T, bytes)).toEqual(long)
    expect(serde.deserialize(T, Buffer.from([...Buffer.from('x'), 0, 4]))).toEqual(change('x', null, false))
    expect(() => serde.deserialize(T, Buffer.from([9]))).toThrow('unknown encoding flag 9')
    expect(() => serde.serialize(T, change<string>(null, null))).toThrow('without old and new value')
  })

  /* Hashes from Kafka Streams 4.2.1's Murmur3.hash128. */
  it.each([
    ['', '9d2764a018e329428c3cf3b035938518'],
    ['a', '3361634e7e0f5188e9c7dda24eae326b'],
    ['hello', '30bfb4f39919e764566aea857401d1c6'],
    ['0123456789abcdef', '1a6e941ec6a76967d7d82808f505d6b1'],
    ['0123456789abcdefXYZ', 'bb31fe14c8ec1d0e325aa157c895f535'],
    ['0123456789abcdef0123456789abcdef!', '049b3d9da66f0ab7ae8ea5f7c09904e9'],
    ['zürich – äöü 🚕 abcdefghijklmnop', '7c7893cb4401e5ffd664643379dca10d'],
    ['\0'.repeat(19), 'afe594c64f7da551cc3cc0690667f550'],
  ])('include murmur3 of %j', (text, expected) => {
    expect(murmur3(Buffer.from(text)).toString('hex')).toBe(expected)
  })

  it('include murmur3 of every length, with bytes of every value', () => {
    const hashes = Array.from({ length: 64 }, (_, length) =>
      murmur3(Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length * 101) % 256))),
    )
    // The hash of all, as a version with BigInt computed it, which had the hashes of Kafka Streams above.
    expect(murmur3(Buffer.concat(hashes)).toString('hex')).toBe('a31fe254fed334c8bde0189a9eb587a3')
  })
})

describe('our own row formats', () => {
  const headers = [
    { key: 'a', value: Buffer.from('1') },
    { key: 'ü', value: null },
  ]

  it('include subscriptions and responses of foreign-key joins', () => {
    const hash = murmur3(Buffer.from('x'))
    const subscriptions = subscriptionSerde(serdes.string)
    for (const subscription of [
      { hash, instruction: 3 as const, primaryKey: 'pk', primaryPartition: 5 },
      { hash: null, instruction: 0 as const, primaryKey: '', primaryPartition: 0 },
    ])
      expect(subscriptions.deserialize(T, Buffer.from(subscriptions.serialize(T, subscription)))).toEqual(subscription)
    expect(hex(subscriptions.serialize(T, { hash: null, instruction: 1, primaryKey: 'k', primaryPartition: 2 }))).toBe(
      '81016b00000002',
    )
    expect(() => subscriptions.deserialize(T, Buffer.from('82016b00000002', 'hex'))).toThrow('version 2')
    expect(() => subscriptions.deserialize(T, Buffer.from('81096b00000002', 'hex'))).toThrow('instruction 9')
    const responses = responseSerde(serdes.string)
    for (const response of [
      { hash, foreignValue: 'v', primaryPartition: null },
      { hash: null, foreignValue: null, primaryPartition: null },
    ])
      expect(responses.deserialize(T, Buffer.from(responses.serialize(T, response)))).toEqual(response)
  })

  it('include changes held back by suppress', () => {
    const serde = bufferedChangeSerde(serdes.string)
    const row = { bufferTime: 7, timestamp: 9, newValue: 'n', oldValue: null, priorValue: '', headers }
    expect(serde.deserialize(T, Buffer.from(serde.serialize(T, row)))).toEqual(row)
  })

  it('order records that wait in a join by time, key and arrival', () => {
    const keys = waitingKeySerde(serdes.string)
    const list = [
      { timestamp: 1, key: 'b', arrival: 9 },
      { timestamp: 2, key: null as unknown as string, arrival: 0 },
      { timestamp: 2, key: 'a', arrival: 1 },
      { timestamp: 2, key: 'a', arrival: 2 },
    ]
    const bytes = list.map((key) => Buffer.from(keys.serialize(T, key)))
    expect(bytes.toSorted(Buffer.compare)).toEqual(bytes)
    expect(bytes.map((key) => keys.deserialize(T, key))).toEqual(list)
    const values = waitingValueSerde(serdes.string)
    expect(values.deserialize(T, Buffer.from(values.serialize(T, { value: 'v', headers })))).toEqual({
      value: 'v',
      headers,
    })
  })

  it('order records without a match by time, right side first', () => {
    const keys = unjoinedKeySerde(serdes.string)
    const list = [
      { timestamp: 1, left: true, key: 'z' },
      { timestamp: 256, left: false, key: 'b' },
      { timestamp: 256, left: true, key: 'a' },
    ]
    const bytes = list.map((key) => Buffer.from(keys.serialize(T, key)))
    expect(bytes.toSorted(Buffer.compare)).toEqual(bytes)
    expect(bytes.map((key) => keys.deserialize(T, key))).toEqual(list)
    const values = unjoinedValuesSerde(serdes.string, serdes.int64)
    const row = [
      { left: true, value: 'l' },
      { left: false, value: 3 },
      { left: true, value: '' },
    ]
    expect(values.deserialize(T, Buffer.from(values.serialize(T, row)))).toEqual(row)
  })
})

it("a serde that refuses a value names the value's type", () => {
  const untyped = (value: unknown): never => value as never
  expect(() => serdes.string.serialize('t', untyped({}))).toThrow(new TypeError('it writes a string, not an object'))
  expect(() => serdes.bytes.serialize('t', untyped('x'))).toThrow('it writes a Buffer, not a string')
  expect(() => serdes.json().serialize('t', undefined)).toThrow(
    'it writes a value that JSON has a text for, not undefined',
  )
  for (const serde of [serdes.int32, serdes.int64, serdes.float64])
    expect(() => serde.serialize('t', untyped('7'))).toThrow('it writes a number, not a string')
  expect(() => serdes.int32.serialize('t', 1.5)).toThrow('1.5 is not a 32-bit integer')
  expect(() => serdes.uuid.serialize('t', untyped(7))).toThrow('it writes a UUID, not a number')
})

describe('a serde around one that has to be prepared', () => {
  const seen: string[] = []
  const inner: Serde<string> = {
    ...serdes.string,
    prepare: async (topic, use) => void seen.push(`${use} ${topic}`),
    prepareRecords(topic, records) {
      seen.push(`${topic}: ${records.join()}`)
      return null
    },
  }
  const window = { start: 0, end: 5 }
  it.each([
    ['changes', changeSerde(inner), change('new', 'old'), 'new,old'],
    ['windowed keys', timeWindowedSerde(inner, 5), { key: 'k', window }, 'k'],
    ['session keys', sessionWindowedSerde(inner), { key: 'k', window }, 'k'],
    [
      'subscriptions',
      subscriptionSerde(inner),
      { hash: null, instruction: 2, primaryKey: 'k', primaryPartition: 0 },
      'k',
    ],
    ['responses', responseSerde(inner), { hash: null, foreignValue: 'v', primaryPartition: null }, 'v'],
  ] as [string, Serde<unknown>, unknown, string][])('shows it its bytes in %s', async (_what, serde, value, bytes) => {
    seen.length = 0
    await serde.prepare?.(T, 'write')
    const damaged = Buffer.alloc(0)
    expect(serde.prepareRecords?.(T, [damaged, Buffer.from(serde.serialize(T, value))])).toBeNull()
    expect(seen).toEqual([`write ${T}`, `${T}: ${bytes}`])
  })
})
