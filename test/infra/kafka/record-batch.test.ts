import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkBatches } from '../../../infra/kafka/checked-batches.ts'
import type { Compression } from '../../../infra/kafka/compression.ts'
import { decodeRecords } from '../../../infra/kafka/record-batch-decoder.ts'
import { PartitionEncoder } from '../../../infra/kafka/record-batch-encoder.ts'
import { type Header, TextHeader } from '../../../state/ports/headers.ts'

const PRODUCER = { producerId: 4_294_967_300, producerEpoch: 3, transactional: true }

interface Plain {
  key: string | null
  value: string | null
  timestamp: number
  headers: { key: string; value: string | null }[]
}

const plain = fc.record({
  key: fc.option(fc.string({ unit: 'binary', maxLength: 60 }), { nil: null }),
  value: fc.option(fc.string({ unit: 'grapheme', maxLength: 300 }), { nil: null }),
  // Also years before the first record's: deltas beyond 32 bits, in both directions.
  timestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  headers: fc.array(
    fc.record({
      key: fc.string({ maxLength: 20 }),
      value: fc.option(fc.string({ maxLength: 20 }), { nil: null }),
    }),
    { maxLength: 3 },
  ),
})

/** The library reads headers into a Map. */
function withUniqueHeaders(record: Plain): Plain {
  const headers = [...new Map(record.headers.map(({ key, value }) => [key, value]))]
  return { ...record, headers: headers.map(([key, value]) => ({ key, value })) }
}

function headersOf(record: Plain): Header[] {
  return record.headers.map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }))
}

function encode(records: readonly Plain[], compression: Compression = 'none', maxBatchBytes = 1_000_000): Buffer[] {
  const encoder = new PartitionEncoder('t', { maxBatchBytes, topics: new Map() })
  for (const [i, record] of records.entries()) {
    // Strings and buffers stand for the same bytes.
    const key = record.key !== null && i % 2 === 1 ? Buffer.from(record.key) : record.key
    encoder.append(key, record.value, record.timestamp, headersOf(record))
  }
  const batches: Buffer[] = []
  let offset = 0
  for (let i = 0, count = encoder.finish(); i < count; i++) {
    const batch = encoder.encode(i, PRODUCER, offset, compression)
    batch.writeBigInt64BE(BigInt(offset)) // what the broker does
    batches.push(batch)
    offset += encoder.recordsOf(i)
  }
  return batches
}

function decode(bytes: Buffer, position = 0): (Plain & { offset: number })[] {
  return decodeRecords(bytes, position, []).map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: [...headers].map((header) => ({ key: header.key, value: header.value?.toString() ?? null })),
  }))
}

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

describe('record batches', () => {
  it('are readable by kafkajs', () => {
    fc.assert(
      fc.property(
        fc.array(plain.map(withUniqueHeaders), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...COMPRESSIONS),
        (records, name) => {
          const [bytes] = encode(records, name)
          const [batch] = readRecordsBatches(Reader.from(bytes as Buffer))
          const read = batch?.records.map(({ key, value, timestampDelta, headers }) => ({
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
            timestamp: Number(batch.firstTimestamp + timestampDelta),
            headers: [...headers].map(([k, v]) => ({ key: k?.toString(), value: v?.toString() ?? null })),
          }))
          expect(read).toEqual(records)
          expect(batch).toMatchObject({ producerId: 4_294_967_300n, producerEpoch: 3, firstSequence: 0 })
          expect(Number(batch?.maxTimestamp)).toBe(Math.max(...records.map(({ timestamp }) => timestamp)))
        },
      ),
      { seed: 20261123, numRuns: 200 },
    )
  })

  it('written by kafkajs are readable by us, in every compression', () => {
    for (const compression of COMPRESSIONS) {
      const batch = createRecordsBatch(
        [
          { topic: 't', key: Buffer.from('k'), value: Buffer.from('v'.repeat(500)), timestamp: 1000n },
          {
            topic: 't',
            value: Buffer.from('w'),
            timestamp: 900n,
            headers: new Map([[Buffer.from('h'), Buffer.from('x')]]),
          },
        ],
        { compression },
      )
      expect(decode(batch.buffer)).toEqual([
        { offset: 0, timestamp: 1000, key: 'k', value: 'v'.repeat(500), headers: [] },
        { offset: 1, timestamp: 900, key: null, value: 'w', headers: [{ key: 'h', value: 'x' }] },
      ])
    }
  })

  it('return what was appended, split so that none is longer than the limit', () => {
    fc.assert(
      fc.property(
        fc.array(plain, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.constantFrom(...COMPRESSIONS),
        (records, limit, compression) => {
          const batches = encode(records, compression, limit)
          expect(decode(Buffer.concat(batches))).toEqual(records.map((record, offset) => ({ ...record, offset })))
          const tooLong = batches.filter((batch) => batch.readInt32BE(57) > 1 && batch.length > limit)
          expect(tooLong).toEqual([])
        },
      ),
      { seed: 7, numRuns: 200 },
    )
  })

  it('return headers that records share as objects, in lists that grow, shrink and change', () => {
    const shared: readonly Header[] = [
      new TextHeader('event-type', 'trip.state'),
      new TextHeader('correlation-id', 'req-1'),
      { key: 'raw', value: Buffer.from('ü') },
      { key: 'none', value: null },
    ]
    fc.assert(
      fc.property(fc.array(fc.array(fc.constantFrom(...shared), { maxLength: 4 }), { minLength: 1 }), (lists) => {
        const encoder = new PartitionEncoder('t', { maxBatchBytes: 1_000_000, topics: new Map() })
        for (const headers of lists) encoder.append('k', 'v', 1, headers)
        encoder.finish()
        expect(decode(encoder.encode(0, PRODUCER, 0, 'none')).map(({ headers }) => headers)).toEqual(
          lists.map((headers) => headers.map(({ key, value }) => ({ key, value: value?.toString() ?? null }))),
        )
      }),
      { seed: 7 },
    )
  })

  it('keep headers unchanged when they are written again', () => {
    const first = encode([{ key: 'k', value: 'v', timestamp: 5, headers: [{ key: 'naïve', value: 'ü' }] }])[0] as Buffer
    const [record] = decodeRecords(first, 0, [])
    const encoder = new PartitionEncoder('t', { maxBatchBytes: 1000, topics: new Map() })
    encoder.append('k2', 'v2', 6, record?.headers ?? [])
    encoder.append('k3', 'v3', 7, record?.headers ?? [])
    encoder.finish()
    expect(decode(encoder.encode(0, PRODUCER, 0, 'none')).map(({ headers }) => headers)).toEqual([
      [{ key: 'naïve', value: 'ü' }],
      [{ key: 'naïve', value: 'ü' }],
    ])
  })

  it('may be cut off at the end, and may begin before the position', () => {
    const records = Array.from({ length: 30 }, (_, i) => ({ key: `k${i}`, value: 'v', timestamp: i, headers: [] }))
    const batches = encode(records, 'none', 150)
    const whole = Buffer.concat(batches)
    const lastStart = whole.length - (batches.at(-1) as Buffer).length
    const lastOffset = Number((batches.at(-1) as Buffer).readBigInt64BE())
    expect(batches.length).toBeGreaterThan(3)
    for (const end of [lastStart, lastStart + 1, lastStart + 11, lastStart + 61, whole.length - 1]) {
      const cut = whole.subarray(0, end)
      expect(decode(cut).map(({ offset }) => offset)).toEqual(records.slice(0, lastOffset).map((_, i) => i))
      expect(checkBatches(cut, 0, 30).position).toBe(lastOffset)
    }
    for (const position of [1, 7, lastOffset, 29]) {
      expect(decode(whole, position).map(({ offset }) => offset)).toEqual(
        records.slice(position).map((_, i) => position + i),
      )
    }
    expect(checkBatches(whole, 1, 30).position).toBe(30)
    expect(checkBatches(whole.subarray(0, 20), 3, 30).position).toBe(3)
  })

  it("give all records the broker's time when the topic says LogAppendTime", () => {
    const [batch] = encode([
      { key: 'a', value: 'v', timestamp: 10, headers: [] },
      { key: 'b', value: 'v', timestamp: 20, headers: [] },
    ]) as [Buffer]
    batch.writeInt16BE(batch.readInt16BE(21) | 0x08, 21)
    batch.writeBigInt64BE(999n, 35)
    expect(decode(batch).map(({ timestamp }) => timestamp)).toEqual([999, 999])
  })

  it('hold a record longer than the limit in a batch of its own', () => {
    const big = { key: 'big', value: 'x'.repeat(5000), timestamp: 1, headers: [] }
    const small = { key: 's', value: 'y', timestamp: 2, headers: [] }
    expect(encode([small, big, small], 'none', 1000).map((batch) => batch.readInt32BE(57))).toEqual([1, 1, 1])
  })
})

describe('a record larger than its topic allows', () => {
  const MAX = 1000
  const aloneBytes = (value: string): number => {
    const encoder = new PartitionEncoder('t', { maxBatchBytes: 1_000_000, topics: new Map() })
    encoder.append('key', value, 1, [])
    encoder.finish()
    return encoder.encode(0, PRODUCER, 0, 'none').length
  }
  const encoderOf = () => new PartitionEncoder('t', { maxBatchBytes: 1_000_000, topics: new Map([['t', MAX]]) })

  it('is refused by its exact size before anything is appended', () => {
    const largest = 'v'.repeat(MAX - aloneBytes('') - 2) // its two lengths take a byte more each than those of nothing
    expect(aloneBytes(largest)).toBe(MAX)
    const encoder = encoderOf()
    encoder.append('key', largest, 1, [])
    expect(() => encoder.append('key', `${largest}v`, 1, [])).toThrow(
      'a record for t has 1001 bytes, more than its max.message.bytes of 1000',
    )
    encoder.append('key', 'small', 1, [])
    expect(encoder.finish()).toBe(2)
    expect([encoder.recordsOf(0), encoder.recordsOf(1)]).toEqual([1, 1])
  })

  it('does not make a batch of small records too large either', () => {
    const encoder = encoderOf()
    for (let i = 0; i < 100; i++) encoder.append('key', 'v'.repeat(90), i, [])
    const sizes = Array.from({ length: encoder.finish() }, (_, i) => encoder.encode(i, PRODUCER, 0, 'none').length)
    expect(sizes.length).toBeGreaterThan(9)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX)
  })
})
