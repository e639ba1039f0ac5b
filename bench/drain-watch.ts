import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { type ProcessUsage, processUsage } from './process-usage.ts'
import { type Progress, speed } from './progress-watch.ts'

const LOOK_MS = 50
const QUIET_MS = 2000
const GIVE_UP_MS = 180_000

/** The whole work of an application: its input is committed, and so is what came of it in its repartition topics. */
export interface Drain {
  /** Input records per second, from the first commit seen to the last record that the application wrote. */
  readonly perSecond: number
  /** Seconds from the start of the peer to that record. */
  readonly totalSeconds: number
  /** The process had used this much by then. */
  readonly usage: ProcessUsage
}

export interface DrainOptions {
  readonly admin: Admin
  readonly applicationId: string
  readonly pid: number
  /** All input is committed. */
  readonly progress: Progress
}

/**
 * Waits until the topics of an application have not grown for two seconds. A peer that commits its input early may have much left to do
 * behind repartition topics.
 * @throws Error when they still grow after three minutes
 */
export async function watchDrain({ admin, applicationId, pid, progress }: DrainOptions): Promise<Drain> {
  const { first, last } = progress
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${applicationId}-`))
  let size = await sizeOf(admin, topics)
  let [at, usage] = [last.at, await processUsage(pid)]
  let quietFrom = performance.now()
  while (performance.now() - quietFrom < QUIET_MS) {
    if (performance.now() - last.at > GIVE_UP_MS) throw new Error(`topics of ${applicationId} still grow`)
    await sleep(LOOK_MS)
    const grown = await sizeOf(admin, topics)
    if (grown === size) continue
    size = grown
    at = performance.now()
    quietFrom = at
    usage = await processUsage(pid)
  }
  return {
    perSecond: speed([first, { at, committed: last.committed }]),
    totalSeconds: progress.totalSeconds + (at - last.at) / 1000,
    usage,
  }
}

async function sizeOf(admin: Admin, topics: readonly string[]): Promise<number> {
  const offsets = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
  return offsets.flat().reduce((sum, { high }) => sum + Number(high), 0)
}
