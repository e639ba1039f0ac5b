import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AssignableTask, AssignmentConfig } from '../../../runtime/assignment/types.ts'
import { ObedientGroup, type Round, tasksOf } from './obedient-group.ts'

type Event =
  | { readonly type: 'join'; readonly threads: number }
  | { readonly type: 'leave' | 'restart'; readonly which: number }
  | { readonly type: 'leaderForgets' }
  | { readonly type: 'rounds'; readonly count: number; readonly share: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('join' as const), threads: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('leave' as const, 'restart' as const), which: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'leaderForgets' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('rounds' as const),
      count: fc.integer({ min: 1, max: 4 }),
      share: fc.constantFrom(0, 0.3, 1),
    }),
  },
)
const settings: fc.Arbitrary<AssignmentConfig> = fc.record({
  standbyReplicas: fc.integer({ min: 0, max: 2 }),
  acceptableRecoveryLag: fc.constantFrom(0, 100),
  maxWarmupReplicas: fc.integer({ min: 1, max: 4 }),
})
const tasks = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
  )
  .map(([counts, stateless]) => tasksOf(counts, stateless))

/** A life of a group up to any moment; `see` is called for each of its rounds. */
function live(
  group: ObedientGroup,
  events: readonly Event[],
  evenThreads: boolean,
  see: (round: Round) => void = () => {},
): void {
  let next = 0
  const join = (threads: number): void => group.join(`p${String(next++).padStart(2, '0')}`, evenThreads ? 1 : threads)
  join(1)
  see(group.rebalance())
  for (const event of events) {
    const { processIds } = group
    if (event.type === 'join') join(event.threads)
    else if (event.type === 'leaderForgets')
      group.knowledge = { ...group.knowledge, owners: {}, standbys: {}, successors: {} }
    else if (event.type === 'rounds') {
      for (let i = 0; i < event.count; i++) {
        see(group.rebalance())
        group.catchUp(event.share)
        group.fallBehind(30)
      }
    } else {
      const processId = processIds[event.which % processIds.length] as string
      if (event.type === 'restart') group.restart(processId)
      else if (processIds.length > 1) group.leave(processId)
    }
  }
}

function expectLawful({ reports, plan }: Round, all: readonly AssignableTask[], config: AssignmentConfig): void {
  const stateful = new Set(all.filter(({ isStateful }) => isStateful).map(({ taskId }) => taskId))
  const active = [...plan.values()].flatMap((assignment) => assignment.active)
  expect(new Set(active).size, 'active once').toBe(active.length)
  const warmUps = new Map<string, number>()
  for (const [processId, assignment] of plan) {
    for (const taskId of assignment.active) {
      expect(assignment.owners[taskId]).toBe(processId)
      const others = [...reports.values()].filter(
        (report) => report.processId !== processId && report.active.includes(taskId),
      )
      expect(others, 'nobody else had it').toEqual([])
    }
    for (const taskId of assignment.standby) {
      expect(assignment.active).not.toContain(taskId)
      expect(reports.get(processId)?.active, 'no standby where it is released').not.toContain(taskId)
      expect(stateful.has(taskId)).toBe(true)
      expect(assignment.standbys[taskId]).toContain(processId)
      warmUps.set(taskId, (warmUps.get(taskId) ?? 0) + 1)
    }
    for (const { taskId } of all) {
      const runner = [...reports.values()].find((report) => report.active.includes(taskId))
      const owner = assignment.owners[taskId]
      if (owner !== undefined) continue
      // Nobody has it: because one that had it has to release it, for one that is ready.
      const successor = assignment.successors?.[taskId] as string
      expect(runner).toBeDefined()
      const lag = reports.get(successor)?.lags[taskId] ?? Number.POSITIVE_INFINITY
      expect(!stateful.has(taskId) || lag <= config.acceptableRecoveryLag).toBe(true)
    }
  }
  const extra = [...warmUps].filter(([taskId, count]) => {
    const [assignment] = plan.values()
    return count > config.standbyReplicas && assignment?.successors?.[taskId] === undefined
  })
  expect(extra.length).toBeLessThanOrEqual(config.maxWarmupReplicas)
}

describe('planGroup over a group’s life', () => {
  it('keeps every round valid: one active, nothing moved before release or to a member that is behind, warm-ups bounded', () => {
    fc.assert(
      fc.property(tasks, fc.array(event, { maxLength: 14 }), fc.boolean(), settings, (all, events, even, config) => {
        live(new ObedientGroup(all, config), events, even, (round) => expectLawful(round, all, config))
      }),
      { seed: 11, numRuns: 150 },
    )
  })

  it('becomes balanced with all standbys, and then stays as it is', () => {
    fc.assert(
      fc.property(tasks, fc.array(event, { maxLength: 14 }), fc.boolean(), settings, (all, events, even, config) => {
        const group = new ObedientGroup(all, config)
        live(group, events, even)
        const rounds = group.settle(10 + 4 * Math.ceil(all.length / config.maxWarmupReplicas))
        const last = rounds.at(-1) as Round
        const threadsOf = (processId: string): number => last.reports.get(processId)?.threads ?? 0
        const threads = group.processIds.reduce((sum, processId) => sum + threadsOf(processId), 0)
        const subtopologies = [...new Set(all.map(({ taskId }) => taskId.split('_')[0] as string))]
        for (const [processId, { active, standby }] of last.plan) {
          const share = threadsOf(processId) / threads
          expect(active.length).toBeGreaterThanOrEqual(Math.floor(all.length * share))
          expect(active.length).toBeLessThanOrEqual(Math.ceil(all.length * share))
          for (const subtopology of even ? subtopologies : []) {
            const isIn = (taskId: string): boolean => taskId.startsWith(`${subtopology}_`)
            const size = all.filter(({ taskId }) => isIn(taskId)).length
            expect(active.filter(isIn).length).toBeLessThanOrEqual(Math.ceil(size * share))
          }
          expect(standby.filter((taskId) => active.includes(taskId))).toEqual([])
        }
        const replicas = Math.min(config.standbyReplicas, group.processIds.length - 1)
        for (const { taskId, isStateful } of all) {
          const standbys = [...last.plan.values()].filter(({ standby }) => standby.includes(taskId)).length
          expect(standbys).toBe(isStateful ? replicas : 0)
        }
      }),
      { seed: 12, numRuns: 200 },
    )
  })

  it('also becomes balanced when standbys catch up slowly', () => {
    fc.assert(
      fc.property(tasks, fc.array(event, { maxLength: 10 }), fc.boolean(), settings, (all, events, even, config) => {
        const group = new ObedientGroup(all, config)
        live(group, events, even)
        // A third of the lag remains after each round: eleven rounds remove 100,000 records.
        group.settle(20 + 15 * Math.ceil(all.length / config.maxWarmupReplicas), 2 / 3)
      }),
      { seed: 13, numRuns: 200 },
    )
  })
})
