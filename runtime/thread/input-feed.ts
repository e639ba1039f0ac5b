import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { FetchedPartition } from '../ports/log.ts'
import type { TaskSource } from '../task/source-positions.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { RecordPreparation, type RecordPreparationOptions } from './record-preparation.ts'

/*
 * Owns what a set of tasks reads: the poll in flight, what it brought, which partitions are paused.
 * 1. One poll at a time; the next is asked for when the answer before has been delivered.
 * 2. A partition that holds enough is not fetched until half of it is processed, so the bytes held are bounded.
 * 3. After remove() no news of those partitions is delivered, and no error when nothing else is read. (An answer already on its
 *    way to us may still come: RecordQueue takes only what continues where it stands.)
 * 4. Records that wait for their serdes (RecordPreparation) are known to the task as lag, so that nothing overtakes them.
 */
export interface InputFeedOptions extends RecordPreparationOptions {
  readonly maxBufferedBytesPerPartition: number
}

const POLL_MS = 500

export class InputFeed {
  readonly #options: InputFeedOptions
  readonly #assigned = new Set<string>()
  readonly #paused = new Set<string>()
  readonly #preparation: RecordPreparation
  #news: readonly FetchedPartition[] = []
  #error: { readonly cause: unknown } | null = null
  #polling = false

  constructor(options: InputFeedOptions) {
    this.#options = options
    this.#preparation = new RecordPreparation(options)
  }

  /** Something waits to be delivered, if only an error. */
  get hasNews(): boolean {
    return this.#news.length > 0 || this.#error !== null || this.#preparation.hasNews
  }

  assign(sources: readonly TaskSource[]): void {
    for (const source of sources) {
      this.#assigned.add(partitionKey(source))
      this.#options.reader.assign(source, source.position)
    }
  }

  /** Stops reading the partitions and forgets what they brought. */
  remove(sources: readonly TaskSource[]): void {
    for (const source of sources) {
      this.#options.reader.unassign(source)
      this.#assigned.delete(partitionKey(source))
      this.#paused.delete(partitionKey(source))
      this.#preparation.remove(partitionKey(source))
    }
    this.#news = this.#news.filter((fetched) => this.#assigned.has(partitionKey(fetched)))
    if (this.#assigned.size === 0) this.#error = null
  }

  /**
   * Hands what was fetched to the tasks and asks for more. True when there was something.
   * @throws what the poll failed with, or what records waited for in vain
   */
  deliver(tasks: readonly StreamTask[]): boolean {
    if (this.#error !== null) {
      const { cause } = this.#error
      this.#error = null
      throw cause
    }
    const ready = this.#preparation.take()
    for (const fetched of ready) {
      if (!this.#paused.has(partitionKey(fetched))) this.#options.reader.resume(fetched)
      for (const task of tasks) task.add(fetched)
    }
    const news = this.#news
    this.#news = []
    for (const fetched of news) {
      const known = this.#preparation.holds(fetched, tasks) ? onlyItsEnd(fetched) : fetched
      for (const task of tasks) task.add(known)
    }
    this.#balance(tasks)
    if (!this.#polling) this.#poll()
    return news.length > 0 || ready.length > 0
  }

  #poll(): void {
    this.#polling = true
    this.#options.reader.poll(POLL_MS).then(
      (news) => {
        this.#polling = false
        this.#news = this.#news.length === 0 ? news : [...this.#news, ...news]
        this.#options.onNews()
      },
      (cause: unknown) => {
        this.#polling = false
        this.#error = { cause }
        this.#options.onNews()
      },
    )
  }

  /** Invariant 2. */
  #balance(tasks: readonly StreamTask[]): void {
    const { reader, maxBufferedBytesPerPartition } = this.#options
    for (const task of tasks) {
      for (const queue of task.queues) {
        const key = partitionKey(queue)
        if (queue.bytes > maxBufferedBytesPerPartition) {
          if (!this.#paused.has(key)) {
            this.#paused.add(key)
            reader.pause(queue)
          }
        } else if (this.#paused.has(key) && queue.bytes <= maxBufferedBytesPerPartition / 2) {
          this.#paused.delete(key)
          if (!this.#preparation.isHeld(key)) reader.resume(queue)
        }
      }
    }
  }
}

/** Invariant 4. */
function onlyItsEnd(fetched: FetchedPartition): FetchedPartition {
  return { ...fetched, records: [], bytes: 0, position: fetched.from }
}
