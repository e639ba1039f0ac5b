import type { StreamsConfig } from '../instance/streams-config.ts'

/** A commit that takes no longer than this is cheap: brokers have time left, ms. */
const CHEAP_MS = 10
/** The most that is borrowed, in gaps. A chain of three commits borrows up to three. */
const MOST_BORROWED = 4
/** Part of a gap that a commit pays back. */
const PAID_BACK = 0.5

/*
 * Owns how far apart the commits of a stream thread begin while it keeps up with its input, by what the last ones took.
 * 1. The gap is twice what a commit takes, and twice more what it takes beyond CHEAP_MS: 12 ms for 6, 60 ms for 20. So a commit is in
 *    flight for half of the time at most, and for a third or less when brokers are busy.
 * 2. The gap is not less than commitFloorMs, and never more than commitIntervalMs.
 * 3. A commit takes as long as the median of the last three: one slow commit changes nothing, the second one does.
 *    Before the third commit, those that are missing count as taking no time.
 * 4. A commit that somebody waits for may begin after the floor. The time by which it is early is borrowed from later commits,
 *    MOST_BORROWED gaps at most: each later one that nobody waits for comes up to half a gap later until that is paid back. So brokers
 *    get no more commits than without. A commit of a full epoch borrows, too.
 */
export class CommitPace {
  readonly #config: Pick<StreamsConfig, 'commitFloorMs' | 'commitIntervalMs'>
  #last: readonly [number, number, number] = [0, 0, 0]
  /** Least time between the begins of two commits that cannot wait, ms. */
  readonly floorMs: number
  #gapMs: number
  #borrowedMs = 0

  constructor(config: Pick<StreamsConfig, 'commitFloorMs' | 'commitIntervalMs'>) {
    this.#config = config
    this.floorMs = Math.min(config.commitFloorMs, config.commitIntervalMs)
    this.#gapMs = this.floorMs
  }

  /** Least time between the begins of two commits otherwise, ms. */
  get gapMs(): number {
    return Math.min(this.#gapMs + Math.min(this.#borrowedMs, this.#gapMs * PAID_BACK), this.#config.commitIntervalMs)
  }

  /** Least time between the begins of two commits, the second of which somebody waits for, ms. */
  get awaitedGapMs(): number {
    return this.#borrowedMs + this.#gapMs <= this.#gapMs * MOST_BORROWED ? this.floorMs : this.gapMs
  }

  /** A commit begins. @param ms time since the begin of the one before */
  begins(ms: number): void {
    const borrowed = this.#borrowedMs + this.#gapMs - ms
    this.#borrowedMs = Math.min(Math.max(borrowed, 0), this.#gapMs * MOST_BORROWED)
  }

  /** A commit has settled. @param ms time since its begin */
  settled(ms: number): void {
    const [, second, third] = this.#last
    this.#last = [second, third, ms]
    const takes = median(second, third, ms)
    const gap = 2 * (takes + Math.max(0, takes - CHEAP_MS))
    this.#gapMs = Math.min(Math.max(gap, this.floorMs), this.#config.commitIntervalMs)
  }
}

function median(a: number, b: number, c: number): number {
  return a + b + c - Math.min(a, b, c) - Math.max(a, b, c)
}
