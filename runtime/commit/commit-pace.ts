import type { StreamsConfig } from '../instance/streams-config.ts'

/** A commit that takes no longer than this is cheap: brokers have time left, ms. */
const CHEAP_MS = 10

/*
 * Owns how far apart the commits of a stream thread begin while it keeps up with its input, by what the last ones took.
 * 1. The gap is twice what a commit takes, and twice more what it takes beyond CHEAP_MS: 12 ms for 6, 60 ms for 20. So a commit is in
 *    flight for half of the time at most, and for a third or less when brokers are busy.
 * 2. The gap is not less than commitFloorMs, and never more than commitIntervalMs.
 * 3. A commit takes as long as the median of the last three: one slow commit changes nothing, the second one does.
 *    Before the third commit, those that are missing count as taking no time.
 */
export class CommitPace {
  readonly #config: Pick<StreamsConfig, 'commitFloorMs' | 'commitIntervalMs'>
  #last: readonly [number, number, number] = [0, 0, 0]
  /** Least time between the begins of two commits that cannot wait, ms. */
  readonly floorMs: number
  /** Least time between the begins of two commits otherwise, ms. */
  gapMs: number

  constructor(config: Pick<StreamsConfig, 'commitFloorMs' | 'commitIntervalMs'>) {
    this.#config = config
    this.floorMs = Math.min(config.commitFloorMs, config.commitIntervalMs)
    this.gapMs = this.floorMs
  }

  /** A commit has settled. @param ms time since its begin */
  settled(ms: number): void {
    const [, second, third] = this.#last
    this.#last = [second, third, ms]
    const takes = median(second, third, ms)
    const gap = 2 * (takes + Math.max(0, takes - CHEAP_MS))
    this.gapMs = Math.min(Math.max(gap, this.floorMs), this.#config.commitIntervalMs)
  }
}

function median(a: number, b: number, c: number): number {
  return a + b + c - Math.min(a, b, c) - Math.max(a, b, c)
}
