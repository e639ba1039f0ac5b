import { LATEST_TIMES } from '../../../topology/index.ts'

/*
 * The time by which a driver counts as silent: the one that several drivers have reached, so that no single device with a wrong
 * clock decides about others. docs/decisions/wrong-clocks.md says why it is this one.
 */

/** A tenth of the drivers, at least two, at most as many as the index knows the times of. */
function quorum(known: number): number {
  return Math.min(Math.max(2, Math.ceil(known / 10)), LATEST_TIMES)
}

/** The drivers' times in one partition. A driver is in one partition only. */
export interface DriverTimes {
  readonly known: number
  /** Descending, epoch ms. */
  readonly latestTimes: readonly number[]
}

/** Epoch ms; -1 while too few drivers are known. */
export function streamTimeOf(partitions: readonly DriverTimes[]): number {
  const known = partitions.reduce((sum, partition) => sum + partition.known, 0)
  const times = partitions.flatMap(({ latestTimes }) => latestTimes).sort((a, b) => b - a)
  return times[quorum(known) - 1] ?? -1
}

/** The stream time of all partitions is not less than this, as far as one of them knows. */
export function leastStreamTime(latestTimes: readonly number[]): number {
  return latestTimes[LATEST_TIMES - 1] ?? -1
}
