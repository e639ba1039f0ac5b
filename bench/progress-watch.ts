import type { Admin } from 'kafkajs'

/** Offsets committed over time, as the coordinator tells anybody who asks: the one yardstick for all peers. */
export interface Progress {
  /** Input records committed per second, from the first commit seen to the last. */
  readonly perSecond: number
  /** Seconds from the start of the peer to the commit of the last record. */
  readonly totalSeconds: number
}

const LOOK_MS = 25

/**
 * Follows the group's committed offsets of the input topics until all `events` are committed.
 * @throws Error when nothing moves for a minute
 */
export async function watchProgress(
  admin: Admin,
  groupId: string,
  topics: string[],
  events: number,
): Promise<Progress> {
  const started = performance.now()
  let first: { at: number; committed: number } | null = null
  let last = { at: started, committed: 0 }
  while (last.committed < events) {
    const committed = await committedRecords(admin, groupId, topics)
    const at = performance.now()
    if (committed > last.committed) {
      last = { at, committed }
      first ??= last
    } else if (at - last.at > 60_000) throw new Error(`${groupId} is stuck at ${last.committed} of ${events}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  const from = first ?? last
  return {
    perSecond: ((last.committed - from.committed) / (last.at - from.at)) * 1000,
    totalSeconds: (last.at - started) / 1000,
  }
}

/** The input holds no markers, so offsets count records. */
async function committedRecords(admin: Admin, groupId: string, topics: string[]): Promise<number> {
  const offsets = await admin.fetchOffsets({ groupId, topics })
  return offsets
    .flatMap(({ partitions }) => partitions)
    .reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
}
