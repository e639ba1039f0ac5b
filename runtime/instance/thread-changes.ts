import { type Deferred, deferred } from '../../state/deferred.ts'
import type { GroupMembership } from '../ports/membership.ts'
import type { MetricFamily } from '../ports/metrics.ts'
import type { ThreadControl } from '../thread/thread-control.ts'
import { summedFamilies } from './summed-families.ts'
import { threadName } from './thread-name.ts'

export interface ThreadTransactions {
  /** The transactional id of the stream thread of that index. */
  readonly idOf: (index: number) => string
  /** Aborts what a thread that has ended may have left open. */
  readonly abort: (id: string) => Promise<void>
}

export interface ThreadChangesOptions {
  /** The threads of the instance; a change adds to the list, or takes from it. */
  readonly threads: ThreadControl[]
  readonly newThread: (index: number) => ThreadControl
  readonly membership: Pick<GroupMembership, 'update'>
  /** Default: threads have no transactions. */
  readonly transactions: ThreadTransactions | undefined
  /** Called after the number of threads has changed. */
  readonly onThreads: ((threads: number) => void) | undefined
  readonly isPaused: () => boolean
  /** RUNNING or REBALANCING, and not about to end. */
  readonly isChangeable: () => boolean
  readonly isEnding: () => boolean
  /** Resolves when the instance has ended. */
  readonly ended: Promise<unknown>
}

/*
 * Owns the number of stream threads of an instance, while it runs.
 * 1. A thread that was added gets tasks when the group knows its transactional id; one that is removed has lost its tasks to the others
 *    before it ends, and leaves no transaction open. Its id stays known to the group: the next thread with that index has the same.
 * 2. Threads come and go one at a time, at the end of the list.
 */
export class ThreadChanges {
  readonly #options: ThreadChangesOptions
  /** The number of threads that shall have tasks. */
  #wanted: number
  /** Most threads there were at a time. */
  #most: number
  /** Waits for tasks to be dealt to as many threads as are wanted. */
  #dealing: Deferred<void> | null = null
  /** Ends with the last change (invariant 2). */
  #last: Promise<unknown> = Promise.resolve()
  #carried: readonly MetricFamily[] = []

  constructor(options: ThreadChangesOptions, threads: number) {
    this.#options = options
    this.#wanted = threads
    this.#most = threads
  }

  /** Counts of threads that are gone. */
  get carried(): readonly MetricFamily[] {
    return this.#carried
  }

  /** How many threads get tasks by an assignment: the group may know of fewer than are wanted (invariant 1). */
  entitled(known: number | undefined): number {
    return Math.min(known ?? this.#wanted, this.#wanted)
  }

  /** The tasks of an assignment have been dealt to so many threads. */
  dealt(threads: number): void {
    if (threads === this.#wanted) this.#dealing?.resolve()
  }

  add(): Promise<string | null> {
    return this.#inTurn(async () => {
      const { threads, newThread, onThreads, isPaused } = this.#options
      const index = threads.length
      const thread = newThread(index)
      threads.push(thread)
      onThreads?.(threads.length)
      // A thread that fails by this reports it by `stopped`.
      if (isPaused()) thread.setPaused(true).catch(() => undefined)
      return (await this.#dealTo(index + 1)) ? threadName(index) : null
    })
  }

  remove(): Promise<string | null> {
    return this.#inTurn(async () => {
      const { threads, onThreads, transactions } = this.#options
      const index = threads.length - 1
      const thread = threads[index]
      if (thread === undefined || index === 0) return null
      if (!(await this.#dealTo(index))) return null
      const families = await thread.ask({ type: 'metrics' })
      this.#carried = summedFamilies([...this.#carried, ...families.filter(({ type }) => type !== 'gauge')])
      threads.pop()
      onThreads?.(index)
      await thread.close()
      await thread.stopped
      // A commit that had failed may have left it, when the group took the tasks away in the meantime.
      await transactions?.abort(transactions.idOf(index))
      return threadName(index)
    })
  }

  /** Invariant 2. */
  #inTurn(change: () => Promise<string | null>): Promise<string | null> {
    const changed = this.#last.then(async () => (this.#options.isChangeable() ? await change() : null))
    this.#last = changed.catch(() => undefined) // the caller of that change has it
    return changed
  }

  /** Resolves when so many threads have the tasks; false: the instance ends. */
  async #dealTo(threads: number): Promise<boolean> {
    const { membership, transactions, ended, isEnding } = this.#options
    this.#wanted = threads
    this.#most = Math.max(this.#most, threads)
    this.#dealing = deferred<void>()
    const ids = Array.from({ length: this.#most }, (_, index) => transactions?.idOf(index))
    membership.update({ threads, transactionalIds: ids.filter((id) => id !== undefined) })
    await Promise.race([this.#dealing.promise, ended])
    this.#dealing = null
    return !isEnding()
  }
}
