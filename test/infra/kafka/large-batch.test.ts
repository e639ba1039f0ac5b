import { expect, it } from 'vitest'
import { type Compression, compress, compressionCode, MOST_DECOMPRESSED } from '../../../infra/kafka/compression.ts'
import { UnreadableRecord } from '../../../infra/kafka/large-batch.ts'
import { RecordDecoder } from '../../../infra/kafka/record-batch-decoder.ts'
import { PartitionEncoder } from '../../../infra/kafka/record-batch-encoder.ts'
import type { LogRecord } from '../../../runtime/ports/log.ts'
import { NO_HEADERS, TextHeader } from '../../../state/ports/headers.ts'

const PRODUCER = { producerId: 7, producerEpoch: 0, transactional: false }
const COMPRESSIONS: readonly Compression[] = ['gzip', 'snappy', 'lz4', 'zstd']
const MIB = 1024 * 1024

/** One record batch, its first record at `offset`, the times 1000, 1001 ... */
function batchOf(offset: number, values: readonly Buffer[], compression: Compression): Buffer {
  const limits = { maxBatchBytes: 1e9, topics: new Map([['t', 1e9]]) }
  const encoder = new PartitionEncoder('t', limits)
  for (const [i, value] of values.entries()) {
    encoder.append(`k${i}`, value, 1000 + i, i === 0 ? [new TextHeader('h', 'x')] : NO_HEADERS)
  }
  expect(encoder.finish()).toBe(1)
  const batch = encoder.encode(0, PRODUCER, 0, compression)
  batch.writeBigInt64BE(BigInt(offset))
  return batch
}

/** All records, and how many bytes the largest part held. */
async function decoded(bytes: Buffer, position = 0): Promise<{ records: LogRecord[]; largestPart: number }> {
  const decoder = new RecordDecoder(bytes, position, [])
  const records: LogRecord[] = []
  let largestPart = 0
  while (!decoder.isDone) {
    const before = decoder.heldBytes
    const at = decoder.position
    const part = decoder.isLarge ? await decoder.nextLarge() : decoder.next(64 * 1024)
    for (const { offset } of part) expect(offset).toBeGreaterThanOrEqual(at)
    records.push(...part)
    largestPart = Math.max(largestPart, decoder.heldBytes - before)
  }
  return { records, largestPart }
}

const shown = (record: LogRecord) => [
  record.offset,
  record.timestamp,
  String(record.key),
  record.value?.length ?? null,
  [...record.headers].length,
  record.failure?.message ?? null,
]

it.each(COMPRESSIONS)('a record too large to be read leaves the other records readable: %s', async (compression) => {
  const huge = Buffer.alloc(MOST_DECOMPRESSED + 5)
  const bytes = Buffer.concat([
    batchOf(10, [Buffer.from('first')], compression),
    batchOf(11, [Buffer.alloc(3), huge, Buffer.alloc(MIB, 'x')], compression),
    batchOf(14, [Buffer.from('last')], compression),
  ])
  const why = `a compressed record of ${MOST_DECOMPRESSED + 16} bytes: at most ${MOST_DECOMPRESSED} can be read`
  const { records } = await decoded(bytes)
  expect(records.map(shown)).toEqual([
    [10, 1000, 'k0', 5, 1, null],
    [11, 1000, 'k0', 3, 1, null],
    [12, 1001, 'null', null, 0, why],
    [13, 1002, 'k2', MIB, 0, null],
    [14, 1000, 'k0', 4, 1, null],
  ])
  expect(records[3]?.value?.equals(Buffer.alloc(MIB, 'x'))).toBe(true)
  expect(records[2]).toBeInstanceOf(UnreadableRecord)
  expect((await decoded(bytes, 13)).records.map(({ offset }) => offset)).toEqual([13, 14])
})

it.each(COMPRESSIONS)('a batch larger than the bound comes in parts: %s', async (compression) => {
  const values = Array.from({ length: 17 }, (_, i) => Buffer.alloc(4 * MIB, String.fromCharCode(97 + i)))
  const { records, largestPart } = await decoded(batchOf(0, values, compression))
  expect(records.map(({ offset, value }) => [offset, value?.length, value?.[9]])).toEqual(
    values.map((value, i) => [i, 4 * MIB, value[9]]),
  )
  expect(largestPart).toBeLessThan(MOST_DECOMPRESSED)
})

it('the bound counts the bytes of decompressed records, not the bytes sent', async () => {
  const { largestPart } = await decoded(batchOf(0, [Buffer.alloc(8 * MIB)], 'zstd'))
  expect(largestPart).toBeGreaterThan(8 * MIB)
})

it.each(COMPRESSIONS)('a batch that cannot be decoded counts as one unreadable record: %s', async (compression) => {
  const whole = batchOf(5, [Buffer.from('a'), Buffer.from('b')], compression)
  const header = whole.subarray(0, 61)
  const garbage = [Buffer.from('no such bytes'), compress(compression, Buffer.from('no such records')), Buffer.alloc(0)]
  for (const bytes of garbage) {
    const batch = Buffer.concat([header, bytes])
    batch.writeInt32BE(batch.length - 12, 8)
    const after = batchOf(7, [Buffer.from('c')], compression)
    const { records } = await decoded(Buffer.concat([batch, after]))
    expect(records.map(({ offset, failure }) => [offset, failure?.reason])).toEqual([
      [5, 'unreadable'],
      [7, undefined],
    ])
    expect(records[0]?.failure?.message).toMatch(/^a record batch, offsets 5 to 6, that cannot be decoded: ./)
  }
})

it('a batch that claims more records than its bytes can hold counts as one unreadable record', async () => {
  const batch = batchOf(0, [Buffer.from('a')], 'none')
  batch.writeInt32BE(2 ** 31 - 1, 57)
  const { records } = await decoded(batch)
  expect(records.map(({ failure }) => failure?.reason)).toEqual(['unreadable'])
  expect(compressionCode('none')).toBe(0)
})
