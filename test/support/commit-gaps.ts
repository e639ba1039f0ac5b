import type { Admin, Kafka } from 'kafkajs'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { DRIVER_TOPIC } from '../../processors/topics.ts'

interface Progress {
  offset: number
  since: number
  longest: number
}

const LOOK_MS = 60

/** Watches the committed offsets of the ride application: for how long a partition's stood still, under constant input. */
export class CommitGaps {
  readonly #kafka: Kafka
  readonly #applicationId: string
  readonly #progress = new Map<string, Progress>()
  readonly #watching: Promise<void>
  #stopped = false

  constructor(kafka: Kafka, applicationId: string) {
    this.#kafka = kafka
    this.#applicationId = applicationId
    this.#watching = this.#watch()
  }

  /** Longest standstill in ms since the last call, the present one included, by `driver-<partition>` and `trip-<partition>`. */
  take(): Record<string, number> {
    const now = performance.now()
    const gaps: Record<string, number> = {}
    for (const [name, progress] of this.#progress) {
      gaps[name] = Math.round(Math.max(progress.longest, now - progress.since))
      progress.longest = 0
    }
    return gaps
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watching
  }

  async #watch(): Promise<void> {
    const admin = this.#kafka.admin()
    await admin.connect()
    while (!this.#stopped) {
      const offsets = new Map<string, number>()
      // Not the stable ones: asking for those waits for the transactions that hold offsets.
      for (const { topic, partitions } of await this.#committed(admin)) {
        for (const { partition, offset } of partitions) {
          const name = `${topic === DRIVER_TOPIC ? 'driver' : 'trip'}-${partition}`
          offsets.set(name, (offsets.get(name) ?? 0) + Number(offset))
        }
      }
      const now = performance.now()
      for (const [name, offset] of offsets) {
        const progress = this.#progress.get(name)
        if (progress === undefined) this.#progress.set(name, { offset, since: now, longest: 0 })
        else if (progress.offset !== offset) {
          progress.longest = Math.max(progress.longest, now - progress.since)
          progress.offset = offset
          progress.since = now
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    await admin.disconnect()
  }

  /** Nothing while the coordinator is not up yet: that is a gap like any other. */
  async #committed(admin: Admin): ReturnType<Admin['fetchOffsets']> {
    try {
      return await admin.fetchOffsets({ groupId: this.#applicationId, topics: [...EVENT_TYPES] })
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable === true) return []
      throw error
    }
  }
}
