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
})
