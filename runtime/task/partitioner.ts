export { partitionForKey } from '../../topology/default-partitioner.ts'

/** True when the answer of a partitioner names a partition of a topic that has so many. */
export function isPartition(chosen: unknown, count: number): chosen is number {
  return Number.isInteger(chosen) && (chosen as number) >= 0 && (chosen as number) < count
}
