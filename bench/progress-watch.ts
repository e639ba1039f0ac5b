import type { Admin } from 'kafkajs'

/** Offsets committed over time, as the coordinator tells anybody who asks: the one yardstick for all peers. */
export interface Progress {
  /** Input records committed per second, from the first commit seen to the last. */
  readonly perSecond: number
  /** The same between a tenth and nine tenths of all records: neither a start nor an end counts. */
  readonly middlePerSecond: number
  /** Seconds from the start of the peer to the commit of the last record. */
  readonly totalSeconds: number
  /** The first commit seen. */
  readonly first: Look
  /** The commit of the last record. */
  readonly last: Look
}

export interface Look {
  /** performance.now() */
  readonly at: number
  readonly committed: number
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
  const looks: Look[] = []
  let last: Look = { at: started, committed: 0 }
  while (last.committed < events) {
    const committed = await committedRecords(admin, groupId, topics).catch((error: unknown) => {
      // The coordinator of the first group is only coming up.
      if ((error as { retriable?: boolean }).retriable === true) return 0
      throw error
    })
    const at = performance.now()
    if (committed > last.committed) {
      last = { at, committed }
      looks.push(last)
    } else if (at - last.at > 60_000) throw new Error(`${groupId} is stuck at ${last.committed} of ${events}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return {
    perSecond: speed(looks),
    middlePerSecond: speed(looks.filter(({ committed }) => committed >= events * 0.1 && committed <= events * 0.9)),
    totalSeconds: (last.at - started) / 1000,
    first: looks[0] ?? last,
    last,
  }
}

/** Records per second from the first look to the last; NaN without looks. */
export function speed(looks: readonly Look[]): number {
  const [from, to] = [looks[0], looks.at(-1)]
  return from === undefined || to === undefined
    ? Number.NaN
    : ((to.committed - from.committed) / (to.at - from.at)) * 1000
}

/** The input holds no markers, so offsets count records. */
async function committedRecords(admin: Admin, groupId: string, topics: string[]): Promise<number> {
  const offsets = await admin.fetchOffsets({ groupId, topics })
  return offsets
    .flatMap(({ partitions }) => partitions)
    .reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
}
