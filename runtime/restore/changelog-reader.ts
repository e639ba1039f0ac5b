import { deferred } from '../../state/deferred.ts'
import { OffsetOutOfRangeError, StaleStoreError } from '../../state/ports/errors.ts'
import type { ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { Clock } from '../ports/clock.ts'
import type { RestoreProgress } from '../ports/instance.ts'
import type { RestoreEvent, ThreadListener } from '../ports/instance-events.ts'
import type { FetchedPartition, LogAdmin, LogReader, LogRecord, TopicPartition } from '../ports/log.ts'
import { agesOf, type StoreAge } from './store-age.ts'

/*
 * Brings stores up to their changelogs, and keeps those of standby tasks there. One log reader serves all of them, however
 * many they are: what it may hold bounds the memory.
 * 1. The end of a restore is the high watermark, asked after the stable offsets (markers are written asynchronously: the last
 *    stable offset may still be below data that belongs to those offsets; design "Opening a task", KAFKA-10167).
 * 2. Only committed records are read; done when the position has reached the end, records or not.
 * 3. A position outside the log wipes the store and starts from the beginning of its changelog.
 * 4. One chunk of each partition is applied at a time, so that stores are written beside each other. After each chunk the thread's other
 *    work has its turn.
 * 5. Nothing touches a store any more when the promise of its read has settled.
 * 6. A store is read on from its position only when the read ends before the changelog may have forgotten a delete behind it
 *    (restore/store-age.ts); else it is wiped, as in 3.
 * 7. A store that is restored goes to disk while its task begins: a crash soon after has little to restore again.
 */

export interface Changelog extends TopicPartition {
  readonly taskId: string
  readonly store: ManagedStore
  /** Where a restore ends. Default: the high watermark (invariant 1). */
  readonly end?: number
  /** The rows that its records stand for. Default: one each, as they are. */
  readonly rows?: RowsOfRecords
}

/** Makes rows of records that are no changelog. */
export interface RowsOfRecords {
  /** Awaited before of(); null: nothing is missing. */
  prepare(records: readonly LogRecord[]): Promise<void> | null
  of(records: readonly LogRecord[]): readonly RestoredRecord[]
}

/** A task was taken away during its restore. This is not a failure: the opener gives up its work. */
export class RestoreInterruptedError extends Error {}

export interface ChangelogReaderOptions {
  readonly admin: LogAdmin
  readonly newReader: () => LogReader
  readonly clock: Clock
  /** Records that reached a store. */
  readonly onRecords?: (store: string, records: number) => void
  readonly onEvent: ThreadListener
  /** Decides about a store that is too old to be continued. Default `restore`. */
  readonly staleStore?: 'restore' | 'fail'
  /** Offsets that transaction markers take at the end of an unused changelog. Default 0. */
  readonly markers?: number
}

const POLL_MS = 100
const PROGRESS_EVERY_MS = 10_000

/** One store being read. */
export interface ChangelogRead {
  /** Resolves when a restore has reached its end. Rejects with RestoreInterruptedError when stopped, or with what failed. */
  readonly ended: Promise<void>
  progress(): RestoreProgress
}

interface ReadSpan {
  readonly position: number
  readonly end: number
  readonly follows: boolean
  readonly clock: Clock
  /** When the end was asked for. */
  readonly asked: number
  readonly age: StoreAge | null
}

class Read implements ChangelogRead {
  readonly changelog: Changelog
  readonly follows: boolean
  readonly begin: number
  readonly #startedAt: number
  readonly #clock: Clock
  readonly ended: Promise<void>
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  position: number
  end: number
  /** Time of the request for the end: a store that reaches it is current as of then. */
  asked: number
  toldAt: number
  /** Deletes may be missing since this time: applied records are current as of then. */
  asOf: number
  /** Null: read from the beginning of the changelog, so that it cannot be too old. */
  deadline: number | null
  /** The chunk being written. */
  applying: Promise<void> | null = null

  constructor(changelog: Changelog, span: ReadSpan) {
    const { promise, resolve, reject } = deferred<void>()
    this.changelog = changelog
    this.follows = span.follows
    this.begin = span.position
    this.position = span.position
    this.end = span.end
    this.asked = span.asked
    this.asOf = span.age?.asOf ?? span.asked
    this.deadline = span.age?.deadline ?? null
    this.#clock = span.clock
    this.#startedAt = span.clock.monotonic()
    this.toldAt = this.#startedAt
    this.ended = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get lag(): number {
    return Math.max(0, this.end - this.position)
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startedAt
  }

  progress(): RestoreProgress {
    const { store, partition } = this.changelog
    const seconds = this.elapsedMs / 1000
    return {
      store: store.name,
      partition,
      remaining: this.lag,
      total: Math.max(0, this.end - this.begin),
      recordsPerSecond: seconds > 0 ? Math.round((this.position - this.begin) / seconds) : 0,
    }
  }

  finish(): void {
    this.#resolve()
  }

  /** Invariant 5. */
  async fail(error: unknown): Promise<void> {
    await this.applying?.catch(() => undefined) // the code that applies it has this error
    this.#reject(error)
  }
}

export class ChangelogReader {
  readonly #options: ChangelogReaderOptions
  readonly #reads = new Map<string, Read>()
  #reader: LogReader | null = null
  /** Polled records are at least as new as this time. */
  #polledAt = 0

  constructor(options: ChangelogReaderOptions) {
    this.#options = options
  }

  /** Restores under way. */
  progress(): readonly RestoreProgress[] {
    return [...this.#reads.values()].filter(({ follows }) => !follows).map((read) => read.progress())
  }

  /** Starts to bring the stores up to the ends their changelogs have now. */
  restore(changelogs: readonly Changelog[]): Promise<readonly ChangelogRead[]> {
    return this.#start(changelogs, false)
  }

  /** Starts to keep the stores up to date, until stop(). */
  follow(changelogs: readonly Changelog[]): Promise<readonly ChangelogRead[]> {
    return this.#start(changelogs, true)
  }

  /** Reads in progress end with RestoreInterruptedError. */
  stop(reads: readonly ChangelogRead[]): void {
    for (const read of this.#reads.values()) {
      if (reads.includes(read)) this.#fail(read, new RestoreInterruptedError('restore interrupted'))
    }
  }

  async close(): Promise<void> {
    this.stop([...this.#reads.values()])
    await this.#closeReader()
  }

  async #start(changelogs: readonly Changelog[], follows: boolean): Promise<readonly ChangelogRead[]> {
    if (changelogs.length === 0) return []
    const { admin, clock, staleStore, markers = 0 } = this.#options
    const asked = clock.now()
    const [ends, begins] = await Promise.all([admin.highWatermarks(changelogs), admin.earliestOffsets(changelogs)])
    const spans = changelogs.map((changelog, i) => {
      const [begin, end] = [begins[i] as number, changelog.end ?? (ends[i] as number)]
      const position = changelog.store.position()
      const isLost = position !== null && (position > end || position < begin)
      return { changelog, begin, end, position, isLost }
    })
    const tails = spans.filter(({ position, end, isLost }) => position !== null && !isLost && end - position > markers)
    const ages = await agesOf(
      tails.map(({ changelog }) => changelog),
      admin,
      asked,
    )
    const reads: Read[] = []
    for (const { changelog, begin, end, position, isLost } of spans) {
      const age = ages.get(changelog) ?? null
      const isStale = age !== null && asked >= age.deadline
      if (isStale && staleStore === 'fail') throw staleError(changelog)
      const isWiped = isLost || isStale
      if (isWiped) await changelog.store.wipe()
      const from = isWiped ? begin : (position ?? begin)
      const read = new Read(changelog, { position: from, end, follows, clock, asked, age: isWiped ? null : age })
      if (isWiped) this.#tell(isStale ? 'stale' : 'wiped', read)
      reads.push(read)
    }
    for (const read of reads) {
      if (follows || read.lag > 0) this.#begin(read)
      else read.finish()
    }
    return reads
  }

  #begin(read: Read): void {
    this.#reads.set(partitionKey(read.changelog), read)
    if (!read.follows) this.#tell('start', read)
    const isReading = this.#reader !== null
    this.#reader ??= this.#options.newReader()
    this.#reader.assign(read.changelog, read.position)
    if (!isReading) void this.#run(this.#reader)
  }

  /** Never rejects: reads get the failure. */
  async #run(reader: LogReader): Promise<void> {
    while (this.#reader === reader && this.#reads.size > 0) {
      let fetched: readonly FetchedPartition[] = []
      this.#polledAt = this.#options.clock.now()
      try {
        fetched = await reader.poll(POLL_MS)
      } catch (error) {
        await this.#onPollFailed(error)
      }
      const applying: Promise<void>[] = []
      for (const part of fetched) {
        const read = this.#reads.get(partitionKey(part))
        if (this.#reader !== reader || read === undefined || read.position !== part.from) continue
        applying.push(this.#apply(read, part))
        await this.#options.clock.yield()
      }
      await Promise.all(applying)
    }
    if (this.#reader === reader) await this.#closeReader()
  }

  /** Never rejects: the read gets the failure. */
  async #apply(read: Read, fetched: FetchedPartition): Promise<void> {
    const { records, position, endOffset } = upTo(read.changelog.end, fetched)
    const { store } = read.changelog
    if (read.follows) read.end = Math.max(read.end, endOffset)
    const isAtEnd = position >= read.end
    if (isAtEnd && read.deadline !== null && this.#options.clock.now() >= read.deadline) {
      await this.#beginAgain(read, 'stale')
      return
    }
    if (isAtEnd) {
      read.asOf = read.follows ? this.#polledAt : read.asked
      read.deadline = null
    }
    try {
      const missing = read.changelog.rows?.prepare(records) ?? null
      if (missing !== null) {
        await missing
        // It was stopped meanwhile (invariant 5).
        if (this.#reads.get(partitionKey(read.changelog)) !== read) return
      }
      const rows = read.changelog.rows?.of(records) ?? records.map(rowOf)
      const written = store.restore(rows, position, read.asOf)
      read.applying = isAtEnd && !read.follows ? written.then(() => store.restored()) : written
      await read.applying
    } catch (error) {
      this.#fail(read, error)
      return
    }
    read.position = position
    this.#options.onRecords?.(store.name, records.length)
    if (read.follows) return
    if (isAtEnd) this.#finish(read)
    else if (this.#options.clock.monotonic() - read.toldAt >= PROGRESS_EVERY_MS) this.#tell('progress', read)
  }

  async #onPollFailed(error: unknown): Promise<void> {
    const isGone = error instanceof OffsetOutOfRangeError
    const read = isGone ? this.#reads.get(partitionKey(error)) : undefined
    if (isGone && read === undefined) return // stopped meanwhile
    // Compaction or retention overtook us: begin again (invariant 3).
    if (read !== undefined) return await this.#beginAgain(read, 'wiped')
    for (const failed of [...this.#reads.values()]) this.#fail(failed, error)
  }

  async #beginAgain(read: Read, why: 'wiped' | 'stale'): Promise<void> {
    const { admin, clock, staleStore } = this.#options
    try {
      if (why === 'stale' && staleStore === 'fail') throw staleError(read.changelog)
      read.applying = read.changelog.store.wipe()
      await read.applying
      const now = clock.now()
      const [begin] = await admin.earliestOffsets([read.changelog])
      if (this.#reads.get(partitionKey(read.changelog)) !== read) return
      read.position = begin as number
      read.asOf = now
      read.deadline = null
      this.#tell(why, read)
      this.#reader?.assign(read.changelog, read.position)
    } catch (cause) {
      this.#fail(read, cause)
    }
  }

  #finish(read: Read): void {
    // The read was stopped while its last chunk was written, and ends by that.
    if (!this.#remove(read)) return
    this.#tell('end', read)
    read.finish()
  }

  #fail(read: Read, error: unknown): void {
    if (this.#remove(read)) void read.fail(error)
  }

  #remove(read: Read): boolean {
    const key = partitionKey(read.changelog)
    if (this.#reads.get(key) !== read) return false
    this.#reads.delete(key)
    this.#reader?.unassign(read.changelog)
    return true
  }

  #tell(type: RestoreEvent['type'], read: Read): void {
    read.toldAt = this.#options.clock.monotonic()
    const { taskId, topic } = read.changelog
    const restore = { type, taskId, topic, ...read.progress(), elapsedMs: read.elapsedMs }
    this.#options.onEvent({ type: 'restore', restore })
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = null
    await reader?.close()
  }
}

/** The part of what was fetched that stands before an offset. */
function upTo(end: number | undefined, fetched: FetchedPartition): FetchedPartition {
  if (end === undefined || fetched.position <= end) return fetched
  return { ...fetched, records: fetched.records.filter(({ offset }) => offset < end), position: end }
}

function staleError({ taskId, store }: Changelog): StaleStoreError {
  return new StaleStoreError(
    taskId,
    store.name,
    'was away for longer than its changelog keeps deletes (delete.retention.ms)',
  )
}

const NO_KEY = Buffer.alloc(0)

function rowOf({ key, value, timestamp, headers, failure }: LogRecord) {
  // A missing row would be a wrong answer.
  if (failure !== undefined) throw failure
  return { key: key ?? NO_KEY, value, timestamp, headers }
}
