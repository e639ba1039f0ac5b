import { isSilent, type NearbyAnswer, type NearbyDriver, type NearbyQuestion } from './nearest-drivers.ts'
import { streamTimeOf } from './stream-time.ts'

/** Asks every partition, in whichever thread or instance it is. */
export type AskPartitions<A> = (question: NearbyQuestion) => Promise<A & { readonly result: readonly unknown[] }>

/**
 * The nearest drivers of all partitions. One stream time holds for all partitions, so that a partition without any driver left
 * does not show old ones for ever. A driver who is silent by the time of other partitions may have taken a place from a more
 * distant driver: then all partitions are asked once more with that time. Returns the last answer with the merged rows.
 */
export async function gatherNearby<A>(
  question: NearbyQuestion,
  ask: AskPartitions<A>,
): Promise<{ readonly answer: A; readonly rows: readonly NearbyDriver[] }> {
  let answer = await ask(question)
  let partitions = answer.result as readonly NearbyAnswer[]
  const streamTime = Math.max(question.streamTime, streamTimeOf(partitions))
  const silent = ({ driver }: NearbyDriver): boolean => isSilent(driver, streamTime, question.driverTtlMs)
  if (partitions.some(({ isFull, rows }) => isFull && rows.some(silent))) {
    answer = await ask({ ...question, streamTime })
    partitions = answer.result as readonly NearbyAnswer[]
  }
  const rows = partitions
    .flatMap((partition) => partition.rows)
    .filter((row) => !silent(row))
    .sort(byDistance)
    .slice(0, question.limit)
  return { answer, rows }
}

function byDistance(a: NearbyDriver, b: NearbyDriver): number {
  return a.distance - b.distance || (a.driverId < b.driverId ? -1 : 1)
}
