import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dealToThreads } from '../../../runtime/instance/thread-shares.ts'

const taskSets = fc.uniqueArray(
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 9 })).map(([s, p]) => `${s}_${p}`),
  { maxLength: 30 },
)
const threadCounts = fc.integer({ min: 1, max: 5 })

function counts(dealt: ReadonlyMap<string, number>, threads: number): number[] {
  return Array.from({ length: threads }, (_, i) => [...dealt.values()].filter((thread) => thread === i).length)
}

it('thread shares assign every task once, and evenly', () => {
  fc.assert(
    fc.property(taskSets, taskSets, threadCounts, (before, now, threads) => {
      const dealt = dealToThreads(now, threads, dealToThreads(before, threads, new Map()))
      expect([...dealt.keys()].sort()).toEqual([...now].sort())
      const sizes = counts(dealt, threads)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
    { seed: 1 },
  )
})

it('thread shares leave tasks in place when nothing changes', () => {
  fc.assert(
    fc.property(taskSets, threadCounts, (tasks, threads) => {
      const dealt = dealToThreads(tasks, threads, new Map())
      expect(dealToThreads([...tasks].reverse(), threads, dealt)).toEqual(dealt)
    }),
    { seed: 2 },
  )
})

it('thread shares spread each subtopology over the threads', () => {
  const dealt = dealToThreads(['0_0', '0_1', '1_0', '1_1', '2_0', '2_1'], 2, new Map())
  for (const subtopology of [0, 1, 2]) {
    expect(dealt.get(`${subtopology}_0`)).not.toBe(dealt.get(`${subtopology}_1`))
  }
})

it('thread shares move one task when one thread would have two more than another', () => {
  const before = new Map([
    ['0_0', 0],
    ['0_1', 0],
    ['0_2', 1],
    ['0_3', 1],
  ])
  const dealt = dealToThreads(['0_0', '0_1'], 2, before)
  expect([...dealt.values()].sort()).toEqual([0, 1])
  expect([...dealt].filter(([id, thread]) => before.get(id) !== thread)).toHaveLength(1)
})
