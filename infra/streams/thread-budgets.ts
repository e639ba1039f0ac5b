import { type Config, sharesOf } from '../config/config.ts'

/** How much memory the parts of one stream thread may take, bytes. */
export interface ThreadBudget {
  /** Committed rows as objects. */
  readonly cacheMaxBytes: number
  /** Rows that wait for the stores on disk. */
  readonly writeBehindMaxBytes: number
  /** Input and output of one epoch. */
  readonly maxEpochBytes: number
  /** One answer of a broker. */
  readonly fetchMaxBytes: number
}

/** A thread that has begun. */
interface Budgeted {
  setBudget(budget: ThreadBudget): void
}

/*
 * Owns how the memory of an instance is divided among its stream threads.
 * 1. All threads have the same budget, that of their number: when one comes or goes, the others hear of theirs.
 * 2. V8 takes the size of a young generation only when it makes the thread: those that are there keep theirs.
 */
export class ThreadBudgets {
  readonly #config: Config
  readonly #begun = new Map<number, Budgeted>()
  #threads: number

  constructor(config: Config) {
    this.#config = config
    this.#threads = config.numStreamThreads
  }

  /** The budget of each thread. */
  get each(): ThreadBudget {
    const { writeBehindMaxBytes, maxEpochBytes, fetchMaxBytes } = sharesOf(this.#config, this.#threads)
    return {
      cacheMaxBytes: Math.floor(this.#config.statestoreCacheMaxBytes / this.#threads),
      writeBehindMaxBytes: Math.floor(writeBehindMaxBytes / this.#threads),
      maxEpochBytes,
      fetchMaxBytes,
    }
  }

  /** Invariant 2. A thread is made before it counts. */
  youngGenerationBytes(index: number): number {
    return sharesOf(this.#config, Math.max(this.#threads, index + 1)).youngGenerationBytes
  }

  /** The thread of that index has begun, with the budget of each, or takes the place of one that has ended. */
  begun(index: number, thread: Budgeted): void {
    this.#begun.set(index, thread)
  }

  /** There are so many threads now. */
  divide(threads: number): void {
    this.#threads = threads
    const budget = this.each
    for (const [index, thread] of this.#begun) {
      if (index < threads) thread.setBudget(budget)
      else this.#begun.delete(index)
    }
  }
}
