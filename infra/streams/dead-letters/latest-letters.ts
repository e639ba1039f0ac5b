import type { LogAdmin, LogReader } from '../../../runtime/ports/log.ts'
import { type Span, scanSpans, spansIn } from '../topics/log-scan.ts'
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
  /** Ends a read under way. */
  #resting = new AbortController()

  constructor(options: LatestLettersOptions) {
    this.#options = options
  }

  /** Newest first. One call at a time. Throws what reading throws: after it, rest() and try again. */
  async latest(): Promise<readonly DeadLetter[]> {
    const { connect, topic, limit } = this.#options
    this.#clients ??= connect()
    const { admin, reader } = this.#clients
    const { signal } = this.#resting
    const count = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 0
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
    const unread = (await spansIn(admin, partitions)).map((span): Span => {
      const from = Math.min(span.to, Math.max(span.from, span.to - limit, this.#positions.get(span.partition) ?? 0))
      this.#positions.set(span.partition, from)
      return { ...span, from }
    })
    await this.#read(reader, unread, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]))
    return this.#letters
  }

  /** Closes the connections until the next latest(). */
  async rest(): Promise<void> {
    const clients = this.#clients
    this.#clients = null
    this.#resting.abort()
    this.#resting = new AbortController()
    await clients?.close()
  }

  /** Reads what comes soon, at most up to an open transaction. The next call continues from there. */
  async #read(reader: LogReader, spans: readonly Span[], signal: AbortSignal): Promise<void> {
    const fresh: DeadLetter[] = []
    for await (const part of scanSpans({ reader, spans, openTransactions: 'stop', signal })) {
      for (const record of part.records) fresh.push(deadLetterOf(part.partition, record))
      this.#positions.set(part.partition, part.position)
    }
    if (fresh.length > 0) this.#letters = [...fresh, ...this.#letters].sort(newestFirst).slice(0, this.#options.limit)
  }
}

const PATIENCE_MS = 1000

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return b.timestamp - a.timestamp || a.partition - b.partition || b.offset - a.offset
}
