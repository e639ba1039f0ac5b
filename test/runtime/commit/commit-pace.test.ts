import { describe, expect, it } from 'vitest'
import { CommitPace } from '../../../runtime/commit/commit-pace.ts'

/** The gap after each of the commits. */
function gaps(took: readonly number[], config = { commitFloorMs: 8, commitIntervalMs: 100 }): number[] {
  const pace = new CommitPace(config)
  return took.map((ms) => {
    pace.settled(ms)
    return pace.gapMs
  })
}

describe('the pace of commits', () => {
  it('begins with the floor', () => {
    const pace = new CommitPace({ commitFloorMs: 8, commitIntervalMs: 100 })
    expect([pace.floorMs, pace.gapMs]).toEqual([8, 8])
  })

  it('is twice the median of the last three commits, and twice more what that has beyond 10 ms', () => {
    expect(gaps([10, 12, 11, 20, 30, 25, 4, 4])).toEqual([8, 20, 24, 28, 60, 80, 80, 8])
  })

  it('does not change for one slow commit', () => {
    expect(gaps([5, 5, 5, 500, 5, 5, 5])).toEqual([8, 10, 10, 10, 10, 10, 10])
  })

  it('stays between the floor and the commit interval', () => {
    expect(gaps([2, 2, 2, 40, 40, 2, 2])).toEqual([8, 8, 8, 8, 100, 100, 8])
  })

  it('obeys a commit interval below the floor', () => {
    const pace = new CommitPace({ commitFloorMs: 8, commitIntervalMs: 3 })
    expect([pace.floorMs, pace.gapMs]).toEqual([3, 3])
    expect(gaps([40, 40, 40], { commitFloorMs: 8, commitIntervalMs: 3 })).toEqual([3, 3, 3])
  })

  it('lets commits that somebody waits for borrow from later ones, which pay it back', () => {
    const pace = new CommitPace({ commitFloorMs: 8, commitIntervalMs: 100 })
    for (const ms of [20, 20, 20]) pace.settled(ms)
    const due = () => [pace.awaitedGapMs, pace.gapMs]
    expect(due()).toEqual([8, 60])
    // Each of them begins when the one before has settled. Each borrows 40 ms, and 240 is the most.
    const borrowing = Array.from({ length: 5 }, () => {
      pace.begins(20)
      return due()
    })
    expect(borrowing).toEqual([
      [8, 90],
      [8, 90],
      [8, 90],
      [8, 90],
      [90, 90],
    ])
    // Each of the others pays half a gap, until nothing is owed.
    const paying = Array.from({ length: 7 }, () => {
      pace.begins(pace.gapMs)
      return due()
    })
    expect(paying.map(([, gap]) => gap)).toEqual([90, 90, 90, 90, 90, 80, 60])
    pace.begins(1000)
    expect(due()).toEqual([8, 60])
  })
})
