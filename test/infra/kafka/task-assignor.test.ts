import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignTasks } from '../../../infra/kafka/task-assignor.ts'

function tasksOf(...partitions: readonly number[]): string[] {
  return partitions.flatMap((count, subtopology) => Array.from({ length: count }, (_, p) => `${subtopology}_${p}`))
}

const members = fc
  .uniqueArray(fc.record({ processId: fc.uuid(), threads: fc.integer({ min: 1, max: 4 }) }), {
    selector: ({ processId }) => processId,
    minLength: 1,
    maxLength: 6,
  })
  .map((list) => list.sort((a, b) => (a.processId < b.processId ? -1 : 1)))
const tasks = fc
  .array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
  .map((counts) => tasksOf(...counts))

function ownersOf(shares: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map([...shares].flatMap(([processId, own]) => own.map((task) => [task, processId] as const)))
}

describe('assignTasks', () => {
  it('gives every task to exactly one member, each its share by threads', () => {
    fc.assert(
      fc.property(tasks, members, fc.boolean(), (all, group, withMemory) => {
        const previous = withMemory
          ? ownersOf(assignTasks(all, group.slice(1).length ? group.slice(1) : group))
          : new Map()
        const shares = assignTasks(all, group, previous)
        expect([...shares.values()].flat().sort()).toEqual([...all].sort())
        const threads = group.reduce((sum, member) => sum + member.threads, 0)
        for (const member of group) {
          const exact = (all.length * member.threads) / threads
          const own = shares.get(member.processId)?.length ?? 0
          expect(own).toBeGreaterThanOrEqual(Math.floor(exact))
          expect(own).toBeLessThanOrEqual(Math.ceil(exact))
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('gives the same result whatever the order of members and tasks', () => {
    fc.assert(
      fc.property(tasks, members, (all, group) => {
        expect(ownersOf(assignTasks([...all].reverse(), [...group].reverse()))).toEqual(
          ownersOf(assignTasks(all, group)),
        )
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  it('moves nothing when the members stay, and only the tasks of the one that left', () => {
    fc.assert(
      fc.property(tasks, members, (all, group) => {
        const before = ownersOf(assignTasks(all, group))
        expect(ownersOf(assignTasks(all, group, before))).toEqual(before)
        const same = group.map((member) => ({ ...member, threads: 1 }))
        if (same.length < 2) return
        const [gone, ...rest] = same
        const first = ownersOf(assignTasks(all, same))
        const after = ownersOf(assignTasks(all, rest, first))
        const moved = all.filter((task) => first.get(task) !== gone?.processId && first.get(task) !== after.get(task))
        // Rounding of the shares may cost each member one task, each subtopology another.
        const subtopologies = new Set(all.map((task) => task.split('_')[0])).size
        expect(moved.length).toBeLessThanOrEqual(rest.length * (1 + subtopologies))
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  it('spreads each subtopology', () => {
    const shares = assignTasks(tasksOf(3, 6, 3), [
      { processId: 'a', threads: 1 },
      { processId: 'b', threads: 1 },
      { processId: 'c', threads: 1 },
    ])
    for (const own of shares.values()) {
      expect([0, 1, 2].map((s) => own.filter((task) => task.startsWith(`${s}_`)).length)).toEqual([1, 2, 1])
    }
  })
})
