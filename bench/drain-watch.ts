import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { type ProcessUsage, processUsage } from './process-usage.ts'

const LOOK_MS = 50
const QUIET_MS = 2000

/** When the last record of an application was written, as far as the brokers tell. */
export interface Drain {
  /** performance.now() */
  readonly at: number
  /** What the application's process used until then. */
  readonly usage: ProcessUsage
}

/**
 * Waits until the topics of an application have not grown for two seconds: records behind repartition topics are processed after the
 * commit of the input. Begin it once all input is committed.
 */
export async function watchDrain(admin: Admin, applicationId: string, pid: number): Promise<Drain> {
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${applicationId}-`))
  let size = -1
  let last: Drain = { at: performance.now(), usage: await processUsage(pid) }
  while (performance.now() - last.at < QUIET_MS) {
    const now = await sizeOf(admin, topics)
    if (now !== size) last = { at: performance.now(), usage: await processUsage(pid) }
    size = now
    await sleep(LOOK_MS)
  }
  return last
}

async function sizeOf(admin: Admin, topics: readonly string[]): Promise<number> {
  const offsets = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
  return offsets.flat().reduce((sum, { high }) => sum + Number(high), 0)
}
