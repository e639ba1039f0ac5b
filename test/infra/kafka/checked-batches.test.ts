import { expect, it } from 'vitest'
import { checkBatches } from '../../../infra/kafka/checked-batches.ts'
import * as layout from '../../../infra/kafka/record-batch.ts'
import { PartitionEncoder } from '../../../infra/kafka/record-batch-encoder.ts'

/** A batch of three records that begins at that offset. */
function batchAt(offset: number): Buffer {
  const encoder = new PartitionEncoder('t', { maxBatchBytes: 1_000_000, topics: new Map() })
  for (const value of ['a', 'b', 'c']) encoder.append('key', value, 1000, [])
  encoder.finish()
  const batch = encoder.encode(0, { producerId: 7, producerEpoch: 0, transactional: true }, 0, 'none')
  batch.writeBigInt64BE(BigInt(offset))
  return batch
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

const size = batchAt(0).length

it('valid batches are accepted up to the first damaged one, whichever of its bits is flipped', () => {
  const bytes = Buffer.concat([batchAt(10), batchAt(13), batchAt(20)])
  expect(checkBatches(bytes, 10, 23)).toEqual({ end: 3 * size, position: 23, damage: null })
  // The leader's epoch is not covered and not used. What the offset's bits may do shows the next test.
  const covered = Array.from({ length: size * 8 }, (_, bit) => bit).filter((bit) => {
    const byte = bit >> 3
    return byte >= layout.MAGIC || (byte >= layout.BATCH_LENGTH && byte < layout.PARTITION_LEADER_EPOCH)
  })
  const taken = covered.map((bit) => checkBatches(flipped(bytes, size * 8 + bit), 10, 23))
  expect(new Set(taken.map(({ end, position }) => `${end} ${position}`))).toEqual(new Set([`${size} 13`]))
  // A longer length is what the last batch of an answer has that does not fit.
  expect(taken.filter(({ damage }) => damage === null).length).toBeLessThan(32)
})

it('offsets that run backwards, or far beyond the log end, count as damage', () => {
  const bytes = Buffer.concat([batchAt(10), batchAt(8)])
  expect(checkBatches(bytes, 10, 23)).toEqual({
    end: size,
    position: 13,
    damage: 'a last offset of 10 in a log that ends at 23',
  })
  expect(checkBatches(batchAt(10 + 2 ** 40), 10, 23)).toMatchObject({ end: 0, position: 10 })
  // Compaction leaves gaps, and data may be newer than the end in its answer.
  expect(checkBatches(batchAt(2000), 10, 1990)).toEqual({ end: size, position: 2003, damage: null })
})

it('an error of damage says what is damaged', () => {
  const batch = batchAt(10)
  const damageOf = (bit: number) => checkBatches(flipped(batch, bit), 10, 13).damage
  expect(damageOf(layout.RECORDS * 8)).toBe('its checksum does not match')
  expect(damageOf(layout.MAGIC * 8)).toBe('a batch of version 3 (Kafka before 0.11 wrote others than 2)')
  expect(damageOf(layout.BATCH_LENGTH * 8 + 7)).toBe(`a length of ${size - 12 - 2 ** 31}`)
})
