import type { IdleTicks } from './idle-ticks.ts'
import type { RecordQueue } from './record-queue.ts'

/** True when a record is buffered that precedes every pending tick, and no empty partition is known to hold more. */
export function mayProcess(queues: readonly RecordQueue[], ticks: IdleTicks | null): boolean {
  let any = false
  for (let i = 0; i < queues.length; i++) {
    const queue = queues[i] as RecordQueue
    if (queue.headRaw !== null) any ||= ticks === null || !ticks.holds(i)
    else if (!queue.isCaughtUp) return false
  }
  return any
}

/**
 * The queue with the smallest head timestamp that no tick holds back, the first among equals; null when there is no such queue.
 */
export function nextQueue(queues: readonly RecordQueue[], ticks: IdleTicks | null): RecordQueue | null {
  let next: RecordQueue | null = null
  let smallest = Number.POSITIVE_INFINITY
  for (let i = 0; i < queues.length; i++) {
    const queue = queues[i] as RecordQueue
    if (queue.headTimestamp < smallest && (ticks === null || !ticks.holds(i))) {
      smallest = queue.headTimestamp
      next = queue
    }
  }
  return next
}
