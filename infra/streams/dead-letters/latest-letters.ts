import type { LogAdmin, LogReader, TopicPartition } from '../../../runtime/ports/log.ts'
import { type DeadLetter, deadLetterOf } from './dead-letter.ts'

/** Connections that are opened when they are wanted. */
export interface LetterClients {
  readonly admin: LogAdmin
  /** Committed records only. */
  readonly reader: LogReader
  close(): Promise<void>
}

export interface LatestLettersOptions {
  readonly connect: () => LetterClients
  /** The dead letter topic. */
  readonly topic: string
  /** How many are kept. */
  readonly limit: number
}

/*
 * Owns the newest dead letters of a topic and how far each partition has been read.
 * 1. A partition is read once, and at first from no more than `limit` records before its end: old letters cost nothing.
 * 2. Connections are open from latest() to rest(); what was read is kept.
 */
export class LatestLetters {
  readonly #options: LatestLettersOptions
  readonly #positions = new Map<number, number>()
  #letters: readonly DeadLetter[] = []
  #clients: LetterClients | null = null

  constructor(options: LatestLettersOptions) {
    this.#options = options
  }

  /** Newest first. One call at a time. Throws what reading throws: after it, rest() and try again. */
  async latest(): Promise<readonly DeadLetter[]> {
    const { connect, topic, limit } = this.#options
    this.#clients ??= connect()
    const { admin } = this.#clients
    const count = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 0
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
    const [firsts, ends] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
    const unread = new Map<number, number>()
    for (const { partition } of partitions) {
      const [first, end] = [firsts[partition] ?? 0, ends[partition] ?? 0]
      const from = Math.max(first, end - limit, this.#positions.get(partition) ?? 0)
      this.#positions.set(partition, Math.min(from, end))
      if (from < end) unread.set(partition, end)
    }
    if (unread.size > 0) await this.#read(this.#clients, unread)
    return this.#letters
  }

  /** Closes the connections until the next latest(). */
  async rest(): Promise<void> {
    const clients = this.#clients
    this.#clients = null
    await clients?.close()
  }

  /** Up to these ends, or as far as it gets soon: an open transaction may stand before them, and the next call goes on. */
  async #read(clients: LetterClients, ends: Map<number, number>): Promise<void> {
    const { topic, limit } = this.#options
    const { reader } = clients
    const fresh: DeadLetter[] = []
    const all: TopicPartition[] = [...ends.keys()].map((partition) => ({ topic, partition }))
    for (const partition of all) reader.assign(partition, this.#positions.get(partition.partition) ?? 0)
    const deadline = performance.now() + PATIENCE_MS
    while (ends.size > 0 && this.#clients === clients && performance.now() < deadline) {
      for (const { partition, records, position } of await reader.poll(POLL_MS)) {
        for (const record of records) fresh.push(deadLetterOf(partition, record))
        this.#positions.set(partition, position)
        if (position >= (ends.get(partition) ?? 0)) ends.delete(partition)
      }
    }
    for (const partition of all) reader.unassign(partition)
    if (fresh.length > 0) this.#letters = [...fresh, ...this.#letters].sort(newestFirst).slice(0, limit)
  }
}

const POLL_MS = 200
const PATIENCE_MS = 1000

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return b.timestamp - a.timestamp || a.partition - b.partition || b.offset - a.offset
}
