import type { LogAdmin, LogReader, LogWriter } from '../../../runtime/ports/log.ts'
import { type Span, scanSpans, spansIn } from '../topics/log-scan.ts'
import { type DeadLetter, deadLetterOf, letterName, reasonOf } from './dead-letter.ts'
import { isSecondOf, type RedrivenLetter, redrive } from './redrive.ts'
import { RedrivenMarks } from './redriven-marks.ts'

/** Connections that are opened when they are wanted. */
export interface LetterClients {
  readonly admin: LogAdmin
  /** Committed records only. */
  readonly reader: LogReader
  /** Opens a transactional writer of redriveId(), which close() closes. */
  readonly writer: () => LogWriter
  close(): Promise<void>
}

export interface LatestLettersOptions {
  readonly connect: () => LetterClients
  /** The dead letter topic. */
  readonly topic: string
  /** How many are kept. */
  readonly limit: number
  /** How many are counted: older ones are not read. */
  readonly mostCounted: number
}

/** The dead letters of a topic, as far as they have been read. */
export interface Letters {
  /** Newest first. */
  readonly latest: readonly DeadLetter[]
  /** Counts what was read so far, also when the topic no longer holds it. */
  readonly count: number
  /** Most first. A letter of an older version has its exception as reason. */
  readonly byReason: ReadonlyArray<readonly [reason: string, count: number]>
  /** False: older ones were not counted, or there are newer ones to read. */
  readonly isComplete: boolean
}

export interface FoundLetter {
  readonly letter: DeadLetter
  /** It was sent back to its topic. */
  readonly isRedriven: boolean
  /** Name of the letter, among the latest, that it became when it was sent back and died again; null: there is none. */
  readonly diedAgainAs: string | null
}

/** Where the dead letters of a topic are read. */
export interface LetterSource {
  latest(): Promise<Letters>
  /** One of the latest by its name; null: it is not among them. */
  find(name: string): Promise<FoundLetter | null>
  /** Sends one of the latest back to its topic, unless it was sent before; null: it is not among them. Throws as redrive. */
  redrive(name: string): Promise<RedrivenLetter | null>
  /** Closes connections until the next call. */
  rest(): Promise<void>
}

/*
 * Owns the newest dead letters of a topic, the number of those read so far, and how far each partition has been read.
 * 1. A partition is read once, and at first from no more than `mostCounted` records before its end.
 *    Offsets alone would count the markers of transactions, too.
 * 2. Connections are open from latest() to rest(); what was read is kept, also when reading then fails.
 * 3. Letters, counts and positions tell of the same records after each read. Letters that the topic no longer holds stay counted.
 * 4. One redrive at a time: a second one would end the first one's transaction.
 */
export class LatestLetters implements LetterSource {
  readonly #options: LatestLettersOptions
  readonly #positions = new Map<number, number>()
  #letters: readonly DeadLetter[] = []
  #count = 0
  readonly #byReason = new Map<string, number>()
  #isCut = false
  #clients: LetterClients | null = null
  /** Ends a read under way. */
  #resting = new AbortController()
  #redriving: Promise<unknown> = Promise.resolve()

  constructor(options: LatestLettersOptions) {
    this.#options = options
  }

  /** One call at a time. Throws what reading throws: after it, rest() and try again. */
  async latest(): Promise<Letters> {
    const { connect, topic, mostCounted } = this.#options
    this.#clients ??= connect()
    const { admin, reader } = this.#clients
    const { signal } = this.#resting
    const count = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 0
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
    const unread = (await spansIn(admin, partitions)).map((span): Span => {
      const before = this.#positions.get(span.partition)
      if (before === undefined && span.to - span.from > mostCounted) this.#isCut = true
      const from = Math.min(span.to, Math.max(span.from, before ?? span.to - mostCounted))
      this.#positions.set(span.partition, from)
      return { ...span, from }
    })
    await this.#read(reader, unread, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]))
    const isRead = unread.every(({ partition, to }) => (this.#positions.get(partition) ?? 0) >= to)
    return {
      latest: this.#letters,
      count: this.#count,
      byReason: [...this.#byReason].sort(([, a], [, b]) => b - a),
      isComplete: isRead && !this.#isCut,
    }
  }

  /** Reads the marks of redriven letters on connections of its own, which are closed at the end. */
  async find(name: string): Promise<FoundLetter | null> {
    const latest = await this.#latestWith(name)
    const letter = named(latest, name)
    if (letter === null) return null
    const { topic } = this.#options
    const marks = await this.#connected(({ admin, reader }) => RedrivenMarks.read(admin, reader, topic))
    const again = latest.find((one) => isSecondOf(one, letter, topic))
    return { letter, isRedriven: marks.has(letter), diedAgainAs: again === undefined ? null : letterName(again) }
  }

  async redrive(name: string): Promise<RedrivenLetter | null> {
    const letter = named(await this.#latestWith(name), name)
    if (letter === null) return null
    const { topic } = this.#options
    const send = async ({ admin, reader, writer }: LetterClients): Promise<RedrivenLetter | null> => {
      const select = { letters: [letter] }
      const sent = await redrive({ admin, reader: () => reader, writer: writer(), topic, select, dryRun: false })
      return sent[0] ?? null
    }
    const redriving = this.#redriving.then(() => this.#connected(send))
    // The next one does not ask how this one ended; its caller does.
    this.#redriving = redriving.catch(() => undefined)
    return await redriving
  }

  /**
   * The latest letters, read anew when nobody looks here or this one is not known: behind a balancer, the instance whose dashboard shows
   * the letter may be another one.
   */
  async #latestWith(name: string): Promise<readonly DeadLetter[]> {
    if (this.#clients !== null && named(this.#letters, name) !== null) return this.#letters
    const other = new LatestLetters({ ...this.#options, mostCounted: LOOKED_BACK })
    try {
      let latest: readonly DeadLetter[] = []
      for (let tries = 0; tries < MOST_TRIES && named(latest, name) === null; tries++)
        ({ latest } = await other.latest())
      return latest
    } finally {
      await other.rest()
    }
  }

  /** Works on connections that are closed at the end. */
  async #connected<T>(work: (clients: LetterClients) => Promise<T>): Promise<T> {
    const clients = this.#options.connect()
    try {
      return await work(clients)
    } finally {
      await clients.close()
    }
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
    let fresh: DeadLetter[] = []
    try {
      for await (const part of scanSpans({ reader, spans, openTransactions: 'stop', signal })) {
        for (const record of part.records) {
          const letter = deadLetterOf(part.partition, record)
          const reason = reasonOf(letter)
          this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1)
          this.#count++
          fresh.push(letter)
        }
        if (fresh.length > MOST_HELD) fresh = fresh.sort(newestFirst).slice(0, this.#options.limit)
        this.#positions.set(part.partition, part.position)
      }
    } finally {
      // Invariant 3: nothing reads these records again.
      if (fresh.length > 0) this.#letters = [...fresh, ...this.#letters].sort(newestFirst).slice(0, this.#options.limit)
    }
  }
}

const PATIENCE_MS = 1000
/** Letters may be as large as a record. */
const MOST_HELD = 100

/** So many records at the end of each partition hold the letters of a dashboard, with the markers of transactions between them. */
const LOOKED_BACK = 1000
/** A reading ends after PATIENCE_MS, and the next one goes on from there. */
const MOST_TRIES = 3

function named(letters: readonly DeadLetter[], name: string): DeadLetter | null {
  return letters.find((one) => letterName(one) === name) ?? null
}

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return b.timestamp - a.timestamp || a.partition - b.partition || b.offset - a.offset
}
