import type { LogRecord, TopicPartition } from '../../runtime/index.ts'

/** A record that nobody will handle, until it is written to the topic of dead letters. */
export interface FailedRecord {
  readonly source: TopicPartition
  readonly record: LogRecord
  readonly error: unknown
}

/** `null`: the record was not dealt with, because the work was stopped before. */
export type Outcome = 'handled' | FailedRecord | null

export interface WorkOptions {
  /** Deals with one record. */
  readonly handle: (work: PartitionWork, record: LogRecord) => Promise<Outcome>
  /** Called after each record, and when there are no more of them. */
  readonly onProgress: (work: PartitionWork) => void
  /** Called when all records that were added are dealt with. */
  readonly onDrained: (work: PartitionWork) => void
  /** Called with an error that is no record's: `handle` failed. */
  readonly onFailure: (error: unknown) => void
}

/*
 * The records of one partition, one after the other.
 * 1. Offsets below `next` are dealt with: handled, or among `failed` until a commit has written them.
 * 2. After stop() no record is begun; after lose() nothing that still runs counts.
 */
export class PartitionWork {
  readonly taskId: string
  readonly partition: TopicPartition
  readonly #options: WorkOptions
  readonly #stopped = new AbortController()
  readonly #lost = new AbortController()
  #queue: LogRecord[] = []
  /** Position behind the queue; null while the committed offset is not known. */
  #end: number | null = null
  #next: number | null = null
  /** Null while the group has no offset. */
  #committed: number | null = null
  #failed: FailedRecord[] = []
  #running: Promise<void> | null = null

  constructor(taskId: string, partition: TopicPartition, options: WorkOptions) {
    this.taskId = taskId
    this.partition = partition
    this.#options = options
  }

  /** Fires at stop() and lose(): no more records, no more attempts. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  /** Fires at lose(): another member may be at these records. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Invariant 1; null until begin(). */
  get next(): number | null {
    return this.#next
  }

  get failed(): readonly FailedRecord[] {
    return this.#failed
  }

  /** There is something that a commit would change. */
  get isUncommitted(): boolean {
    return !this.#lost.signal.aborted && (this.#next !== this.#committed || this.#failed.length > 0)
  }

  /** The work begins at that offset; `committed`: the group's, null when it has none. */
  begin(position: number, committed: number | null): void {
    this.#end = position
    this.#next = position
    this.#committed = committed
  }

  /** Goes on at another offset, since records before it are gone. */
  skipTo(position: number): void {
    this.#end = position
    if (this.#queue.length === 0 && this.#running === null) this.#next = position
  }

  add(records: readonly LogRecord[], position: number): void {
    if (this.#stopped.signal.aborted || this.#end === null) return
    this.#queue.push(...records)
    this.#end = position
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
  }

  /** A commit has written offsets below `next`, and so many of the failed. */
  committed(next: number, failed: number): void {
    this.#committed = next
    this.#failed = this.#failed.slice(failed)
  }

  /** Begins no other record. Resolves when the one at hand is dealt with. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  /** Does what stop() does, and the record at hand does not count any more. */
  async lose(): Promise<void> {
    this.#lost.abort()
    await this.stop()
  }

  async #run(): Promise<void> {
    try {
      for (let record = this.#queue[0]; record !== undefined; record = this.#queue[0]) {
        if (this.#stopped.signal.aborted) return
        const outcome = await this.#options.handle(this, record)
        if (outcome === null || this.#lost.signal.aborted) return
        if (outcome !== 'handled') this.#failed.push(outcome)
        this.#queue.shift()
        this.#next = record.offset + 1
        this.#options.onProgress(this)
      }
      // Behind the records are marks of transactions, which are nobody's business.
      this.#next = this.#end
      this.#options.onProgress(this)
      this.#options.onDrained(this)
    } catch (error) {
      this.#options.onFailure(error)
    }
  }
}
