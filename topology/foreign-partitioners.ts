import { crc32 } from 'node:zlib'
import { partitionForKey } from './default-partitioner.ts'

/** A key and the partition in which a record with it was found. */
export interface PlacedKey {
  readonly key: Buffer
  readonly partition: number
}

/** Default partitioners of clients that do not place keys as Kafka's own clients do, each with the client's name. */
const OTHERS: ReadonlyArray<readonly [name: string, place: (key: Buffer, partitions: number) => number]> = [
  ['crc32, the default of librdkafka (consistent_random)', (key, partitions) => crc32(key) % partitions],
  ['fnv1a, the default of sarama', (key, partitions) => Math.abs(fnv1a(key)) % partitions],
]

/** True when Kafka's default partitioner would have put the key elsewhere. */
export function isMisplaced({ key, partition }: PlacedKey, partitions: number): boolean {
  return partitionForKey(key, partitions) !== partition
}

/** With fewer keys than this a match may be chance. */
const ENOUGH = 5

/** Names the partitioner that placed the misplaced keys; "unknown" when no known one did, or several may have. */
export function likelyPartitioner(misplaced: readonly PlacedKey[], partitions: number): string {
  const distinct = new Map(misplaced.map((placed) => [placed.key.toString('latin1'), placed]))
  const fitting = OTHERS.filter(([, place]) =>
    [...distinct.values()].every(({ key, partition }) => place(key, partitions) === partition),
  )
  return distinct.size >= ENOUGH && fitting.length === 1 ? (fitting[0]?.[0] ?? 'unknown') : 'unknown'
}

/** FNV-1a, 32 bit, by Fowler, Noll and Vo; signed, as Go's int32. */
function fnv1a(key: Buffer): number {
  let hash = 0x811c9dc5
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash | 0
}
