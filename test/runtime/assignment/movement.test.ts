import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { config, ObedientGroup, tasksOf } from './obedient-group.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

function settled(counts: readonly number[], members: number, standbyReplicas = 1): ObedientGroup {
  const group = new ObedientGroup(tasksOf(counts), { ...config, standbyReplicas })
  for (const id of ids.slice(0, members)) group.join(id)
  group.settle(200)
  return group
}

/** Tasks of members that are there before and after, and that have another owner than before. */
function movedBetween(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  gone?: string,
): string[] {
  return [...before]
    .filter(([taskId, owner]) => owner !== gone && after.get(taskId) !== owner)
    .map(([taskId]) => taskId)
}

describe('movement', () => {
  it('goes only to a joining member, and only its share, with tasks of one kind', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6 }), (count, members) => {
        const group = settled([count], members)
        const before = group.owners()
        group.join('z')
        group.settle(200)
        const after = group.owners()
        const moved = movedBetween(before, after)
        expect(moved.every((taskId) => after.get(taskId) === 'z')).toBe(true)
        expect(moved.length).toBe(Math.floor(count / (members + 1)))
      }),
      { seed: 31, numRuns: 50 },
    )
  })

  it('affects only the tasks of a leaving member, with tasks of one kind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 2, max: 6 }),
        fc.nat(5),
        (count, members, which) => {
          const group = settled([count], members, 0)
          const before = group.owners()
          const gone = ids[which % members] as string
          group.leave(gone)
          group.settle(200)
          expect(movedBetween(before, group.owners(), gone)).toEqual([])
        },
      ),
      { seed: 32, numRuns: 80 },
    )
  })

  it("brings a leaving member's tasks to their standbys first, and then at most as many more for balance", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 2, max: 6 }),
        fc.nat(5),
        (count, members, which) => {
          const group = settled([count], members)
          const before = group.owners()
          const gone = ids[which % members] as string
          const lost = [...before.values()].filter((owner) => owner === gone).length
          group.leave(gone)
          group.rebalance()
          expect(group.owners().size, 'all run at once').toBe(count)
          expect(movedBetween(before, group.owners(), gone)).toEqual([])
          group.settle(200)
          expect(movedBetween(before, group.owners(), gone).length).toBeLessThanOrEqual(lost)
        },
      ),
      { seed: 32, numRuns: 80 },
    )
  })

  it('stays within one more task per member where each subtopology must be spread too', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 2, max: 6 }), fc.nat(5), fc.boolean(), (counts, members, which, joins) => {
        const group = settled(counts, members)
        const before = group.owners()
        const gone = joins ? undefined : (ids[which % members] as string)
        if (gone === undefined) group.join('z')
        else group.leave(gone)
        group.settle(200)
        const all = before.size
        const share = gone === undefined ? Math.ceil(all / (members + 1)) : 0
        expect(movedBetween(before, group.owners(), gone).length).toBeLessThanOrEqual(share + members)
      }),
      { seed: 33, numRuns: 80 },
    )
  })

  it('interrupts a task for at most one generation: what one releases is assigned in the next', () => {
    const group = settled([12, 6], 3)
    group.join('z')
    let without: string[] = []
    for (let i = 0; i < 40; i++) {
      const { plan } = group.rebalance()
      const [assignment] = plan.values()
      for (const taskId of without) expect(assignment?.owners[taskId]).toBeDefined()
      without = Object.keys(assignment?.successors ?? {})
      group.catchUp()
    }
    expect(group.counts().sort()).toEqual([4, 4, 5, 5])
  })
})

describe('standbys', () => {
  it('are spread evenly and stay in place through a restart', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 2, max: 6 }), (counts, members) => {
        const group = settled(counts, members)
        const settledPlan = group.rebalance().plan
        const loads = [...settledPlan.values()].map(({ standby }) => standby.length)
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
        group.restart('a')
        const again = group.rebalance().plan
        expect(Object.fromEntries(again)).toEqual(Object.fromEntries(settledPlan))
      }),
      { seed: 34, numRuns: 60 },
    )
  })

  it('take over at once when the owner is gone', () => {
    const group = settled([12], 3)
    const { standbys } = group.rebalance().plan.get('a') ?? {}
    const lost = [...group.owners()].filter(([, owner]) => owner === 'a').map(([taskId]) => taskId)
    expect(lost).toHaveLength(4)
    group.leave('a')
    const { plan } = group.rebalance()
    for (const taskId of lost) expect(standbys?.[taskId]).toEqual([plan.get('b')?.owners[taskId]])
  })
})
