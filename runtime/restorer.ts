import { OffsetOutOfRangeError } from '../state/ports/errors.ts'
import type { ManagedStore } from '../state/ports/managed-store.ts'
import type { LogAdmin, LogReader, TopicPartition } from './ports/log.ts'

/*
 * Brings stores up to their changelogs.
 * 1. The target is the high watermark, read after the stable offsets (markers are written asynchronously: the last stable
 *    offset may still be below data that belongs to those offsets; design "Opening a task", KAFKA-10167).
 * 2. Only committed records are read; done when the position has reached the target, records or not.
 * 3. A position outside the log wipes the store and starts from the beginning of its changelog.
 */

export interface RestoreTarget extends TopicPartition {
  readonly store: ManagedStore
}

/** A task was taken away while it restored. Not a failure: the opener gives up its work. */
export class RestoreInterruptedError extends Error {}

interface Restoring extends RestoreTarget {
  position: number
  readonly end: number
  readonly begin: number
}

export class Restorer {
  readonly #admin: LogAdmin
  readonly #newReader: () => LogReader
  #restoring: Restoring[] = []

  constructor(admin: LogAdmin, newReader: () => LogReader) {
    this.#admin = admin
    this.#newReader = newReader
  }

  /** What is still to be read, per store. */
  progress(): ReadonlyArray<{ store: string; partition: number; remaining: number; total: number }> {
    return this.#restoring.map(({ store, partition, position, begin, end }) => ({
      store: store.name,
      partition,
      remaining: Math.max(0, end - position),
      total: end - begin,
    }))
  }

  /**
   * @param interrupted asked between polls
   * @throws RestoreInterruptedError
   */
  async restore(targets: readonly RestoreTarget[], interrupted: () => boolean): Promise<void> {
    if (targets.length === 0) return
    const ends = await this.#admin.highWatermarks(targets)
    const begins = await this.#admin.earliestOffsets(targets)
    this.#restoring = []
    for (const [index, target] of targets.entries()) {
      const end = ends[index] as number
      const begin = begins[index] as number
      let position = target.store.position()
      if (position !== null && (position > end || position < begin)) {
        await target.store.wipe()
        position = null
      }
      this.#restoring.push({ ...target, position: position ?? begin, begin: position ?? begin, end })
    }
    const behind = this.#restoring.filter((restoring) => restoring.position < restoring.end)
    if (behind.length === 0) {
      this.#restoring = []
      return
    }
    const reader = this.#newReader()
    try {
      for (const restoring of behind) reader.assign(restoring, restoring.position)
      await this.#read(reader, behind, interrupted)
    } finally {
      this.#restoring = []
      await reader.close()
    }
  }

  async #read(reader: LogReader, behind: Restoring[], interrupted: () => boolean): Promise<void> {
    const byPartition = new Map(behind.map((restoring) => [`${restoring.topic}:${restoring.partition}`, restoring]))
    while (byPartition.size > 0) {
      if (interrupted()) throw new RestoreInterruptedError('restore interrupted')
      for (const fetched of await this.#poll(reader, byPartition)) {
        const key = `${fetched.topic}:${fetched.partition}`
        const restoring = byPartition.get(key)
        if (restoring === undefined) continue
        await restoring.store.restore(
          fetched.records.map((record) => ({
            key: record.key ?? Buffer.alloc(0),
            value: record.value,
            timestamp: record.timestamp,
            headers: record.headers,
          })),
          fetched.position,
        )
        restoring.position = fetched.position
        if (restoring.position >= restoring.end) {
          byPartition.delete(key)
          reader.unassign(restoring)
        }
      }
    }
  }

  async #poll(reader: LogReader, byPartition: Map<string, Restoring>): ReturnType<LogReader['poll']> {
    try {
      return await reader.poll(100)
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error
      // Compaction or retention overtook us: begin again (invariant 3).
      const restoring = byPartition.get(`${error.topic}:${error.partition}`)
      if (restoring === undefined) throw error
      await restoring.store.wipe()
      const [begin] = await this.#admin.earliestOffsets([restoring])
      restoring.position = begin as number
      reader.assign(restoring, restoring.position)
      return []
    }
  }
}
