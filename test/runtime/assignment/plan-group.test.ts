import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { goneTransactionalIds, NOTHING_KNOWN } from '../../../runtime/assignment/group-knowledge.ts'
import { planGroup } from '../../../runtime/assignment/plan-group.ts'
import type { GroupKnowledge, MemberAssignment, MemberReport } from '../../../runtime/assignment/types.ts'
import { config, reportOf, tasksOf } from './obedient-group.ts'

function plan(
  reports: readonly MemberReport[],
  tasks = tasksOf([4]),
  settings = config,
  before: GroupKnowledge = NOTHING_KNOWN,
): (processId: string) => MemberAssignment {
  const members = reports.map((report, index) => ({ memberId: `m${index}-${report.processId}`, report }))
  const byMember = planGroup(members, tasks, settings, before)
  return (processId) => {
    const index = reports.findIndex((report) => report.processId === processId)
    return byMember.get(`m${index}-${processId}`) as MemberAssignment
  }
}

const noStandbys = { ...config, standbyReplicas: 0 }
const knowing = (fields: Partial<GroupKnowledge>): GroupKnowledge => ({ ...NOTHING_KNOWN, ...fields })

describe('planGroup', () => {
  it('gives a single first member everything', () => {
    const a = plan([reportOf('a')])('a')
    expect(a).toEqual({
      active: ['0_0', '0_1', '0_2', '0_3'],
      standby: [],
      fence: [],
      isProvisional: false,
      refused: null,
      owners: { '0_0': 'a', '0_1': 'a', '0_2': 'a', '0_3': 'a' },
      standbys: {},
      transactionalIds: { a: ['app-a-0'] },
      endpoints: { a: 'a:8080' },
      successors: {},
    })
  })

  it('leaves tasks with their owner until the new member has caught up, and warms up at most maxWarmupReplicas', () => {
    const of = plan(
      [reportOf('a', { active: ['0_0', '0_1', '0_2', '0_3', '0_4', '0_5'] }), reportOf('b')],
      tasksOf([6]),
      noStandbys,
    )
    expect(of('a').active).toHaveLength(6)
    expect(of('b').active).toEqual([])
    expect(of('b').standby).toHaveLength(config.maxWarmupReplicas)
    expect([of('a').isProvisional, of('b').isProvisional]).toEqual([true, true])
  })

  it('leaves the tasks in place, fences nobody and passes on the reason when a member asks all to stop', () => {
    const before = knowing({ transactionalIds: { gone: ['app-gone-0'] } })
    const reports = [
      reportOf('a', { active: ['0_0', '0_1'] }),
      reportOf('c', { active: ['0_2'], topology: 'another', shutdown: 'c failed' }),
      reportOf('b', { lags: { '0_3': 0 }, shutdown: 'b failed' }),
    ]
    const of = plan(reports, tasksOf([4]), config, before)
    const told = reports.map(({ processId }) => of(processId))
    expect(told.map(({ active }) => active)).toEqual([['0_0', '0_1'], ['0_2'], []])
    for (const assignment of told) {
      expect(assignment).toMatchObject({ shutdown: 'b failed', standby: [], fence: [], refused: null })
      expect(goneTransactionalIds({ transactionalIds: { a: ['app-a-0'], c: ['app-c-0'] } }, assignment)).toEqual([])
    }
  })

  it('continues the warm-ups it began, the least behind first', () => {
    const lags = { '0_1': 70_000, '0_3': 900, '0_4': 5000 }
    const of = plan(
      [reportOf('a', { active: ['0_0', '0_1', '0_2', '0_3', '0_4', '0_5'] }), reportOf('b', { lags })],
      tasksOf([6]),
      noStandbys,
    )
    expect(of('b').standby).toEqual(['0_3', '0_4'])
  })

  it('gives a task to the member that is ready only in the generation after its owner released it', () => {
    const tasks = tasksOf([2])
    const first = plan(
      [reportOf('a', { active: ['0_0', '0_1'] }), reportOf('b', { lags: { '0_1': 100 } })],
      tasks,
      noStandbys,
    )
    expect(first('a').active).toEqual(['0_0'])
    expect(first('b').active).toEqual([])
    expect(first('b').standby, 'its state stays open till then').toEqual(['0_1'])
    expect(first('b').owners).toEqual({ '0_0': 'a' })
    expect(first('b').successors).toEqual({ '0_1': 'b' })
    expect(first('b').isProvisional).toBe(false)

    const second = plan(
      [reportOf('a', { active: ['0_0'], lags: { '0_1': 0 } }), reportOf('b', { lags: { '0_1': 40 } })],
      tasks,
      noStandbys,
      first('a'),
    )
    expect([second('a').active, second('b').active]).toEqual([['0_0'], ['0_1']])
  })

  it('does not move a task to a member that is one record too far behind', () => {
    const of = plan(
      [reportOf('a', { active: ['0_0', '0_1'] }), reportOf('b', { lags: { '0_1': 101 } })],
      tasksOf([2]),
      noStandbys,
    )
    expect(of('a').active).toEqual(['0_0', '0_1'])
    expect(of('b').standby).toEqual(['0_1'])
    expect(of('a').isProvisional).toBe(true)
  })

  it('moves stateless tasks without warm-ups, also in two steps', () => {
    const of = plan([reportOf('a', { active: ['0_0', '0_1'] }), reportOf('b')], tasksOf([2], [0]), config)
    expect(of('a').active).toHaveLength(1)
    expect(of('b')).toMatchObject({ active: [], standby: [], isProvisional: false })
    expect(Object.values(of('b').successors ?? {})).toEqual(['b'])
  })

  it('makes both members release a task that both report active, whatever the leader remembers', () => {
    for (const owner of ['a', 'b']) {
      const of = plan(
        [reportOf('a', { active: ['0_0'] }), reportOf('b', { active: ['0_0', '0_1'] })],
        tasksOf([2]),
        config,
        knowing({ owners: { '0_0': owner, '0_1': 'b' } }),
      )
      expect([of('a').active, of('b').active]).toEqual([[], ['0_1']])
      expect([of('a').standby, of('b').standby].flat()).not.toContain('0_0')
    }
  })

  it("gives a vanished member's task at once to the standby that is ready, even above its share, and warms up the other", () => {
    const of = plan(
      [reportOf('a', { active: ['0_0', '0_1'], lags: { '0_2': 3, '0_3': 8 } }), reportOf('b')],
      tasksOf([4]),
      noStandbys,
      knowing({
        owners: { '0_0': 'a', '0_1': 'a', '0_2': 'gone', '0_3': 'gone' },
        transactionalIds: { gone: ['app-gone-0'] },
      }),
    )
    expect(of('a').active).toEqual(['0_0', '0_1', '0_2', '0_3'])
    expect(of('b').standby).toHaveLength(2)
    expect(of('b').isProvisional).toBe(true)
  })

  it('gives a task for which no member is ready to the least behind', () => {
    const of = plan(
      [reportOf('a', { lags: { '0_0': 9000, '0_1': 9000 } }), reportOf('b', { lags: { '0_0': 200, '0_1': 10_000 } })],
      tasksOf([2]),
      noStandbys,
      knowing({ owners: { '0_0': 'a', '0_1': 'b' } }),
    )
    expect([of('a').active, of('b').active]).toEqual([['0_1'], ['0_0']])
    expect(of('a').isProvisional).toBe(false)
  })

  it('gives a restarted member its tasks back, although a standby is equally ready', () => {
    const owners = { '0_0': 'a', '0_1': 'b', '0_2': 'a', '0_3': 'b' }
    const of = plan(
      [
        reportOf('a', { lags: { '0_0': 0, '0_1': 2, '0_2': 0, '0_3': 2 } }),
        reportOf('b', { active: ['0_1', '0_3'], lags: { '0_0': 0, '0_2': 0 } }),
      ],
      tasksOf([4]),
      config,
      knowing({ owners, standbys: { '0_0': ['b'], '0_1': ['a'], '0_2': ['b'], '0_3': ['a'] } }),
    )
    expect(of('a')).toMatchObject({ active: ['0_0', '0_2'], standby: ['0_1', '0_3'], isProvisional: false })
    expect(of('b')).toMatchObject({ active: ['0_1', '0_3'], standby: ['0_0', '0_2'] })
  })

  it('gives a released task to its planned successor, although another is less behind', () => {
    const reports = [
      reportOf('a', { active: ['0_0'], lags: { '0_2': 0 } }),
      reportOf('b', { active: ['0_1'], lags: { '0_2': 5 } }),
    ]
    expect(plan(reports, tasksOf([3]), noStandbys, knowing({ successors: { '0_2': 'b' } }))('b').active).toEqual([
      '0_1',
      '0_2',
    ])
  })

  it('moves nothing only because shares do not divide evenly', () => {
    const of = plan(
      [reportOf('a', { active: ['0_0'] }), reportOf('b', { active: ['0_1', '0_2'] })],
      tasksOf([3]),
      noStandbys,
    )
    expect(of('b')).toMatchObject({ active: ['0_1', '0_2'], isProvisional: false, successors: {} })
  })

  it.each([
    ['b', 'c'],
    ['c', 'b'],
  ])('gives a task whose best holder is full to the next that is ready (%s, %s)', (one, other) => {
    const of = plan(
      [
        reportOf('a', { active: ['0_0', '0_1'], lags: { '0_2': 0, '0_5': 0 } }),
        reportOf(one, { active: ['0_3'], lags: { '0_2': 9 } }),
        reportOf(other, { active: ['0_4'], lags: { '0_5': 9 } }),
      ],
      tasksOf([6]),
      noStandbys,
    )
    expect([of(one).active, of(other).active]).toEqual([
      ['0_2', '0_3'],
      ['0_4', '0_5'],
    ])
  })

  it('leaves a standby in place, although another member has newer state', () => {
    const reports = [
      reportOf('a', { active: ['0_0'] }),
      reportOf('b', { lags: { '0_0': 50 } }),
      reportOf('c', { lags: { '0_0': 0 } }),
    ]
    const known = knowing({ owners: { '0_0': 'a' }, standbys: { '0_0': ['b'] } })
    expect(plan(reports, tasksOf([1]), config, known)('a').standbys).toEqual({ '0_0': ['b'] })
  })

  it('puts the standby of a task into another rack than its owner, and the second one into a third', () => {
    const active = ['0_0', '0_1', '0_2', '0_3']
    const reports = [
      reportOf('a', { rack: 'one', active }),
      reportOf('b', { rack: 'one', lags: { '0_0': 500 } }),
      reportOf('c', { rack: 'two' }),
      reportOf('d', { rack: 'three' }),
    ]
    const known = knowing({ owners: { '0_0': 'a' }, standbys: { '0_0': ['b'] } })
    const settings = { ...config, maxWarmupReplicas: 0 }
    const one = plan(reports, tasksOf([4]), settings, known)('a').standbys
    expect(Object.values(one).flat().sort()).toEqual(['c', 'c', 'd', 'd'])
    const two = plan(reports, tasksOf([4]), { ...settings, standbyReplicas: 2 }, known)('a').standbys
    expect(two).toEqual(Object.fromEntries(active.map((taskId) => [taskId, ['c', 'd']])))
    const three = plan(reports, tasksOf([4]), { ...settings, standbyReplicas: 3 }, known)('a').standbys
    expect(three, 'racks are full: the rest goes anywhere').toEqual(
      Object.fromEntries(active.map((taskId) => [taskId, ['b', 'c', 'd']])),
    )
  })

  it('counts a warm-up in addition to the standbys', () => {
    const reports = [reportOf('a', { active: ['0_0', '0_1'] }), reportOf('b', { lags: { '0_1': 500 } }), reportOf('c')]
    expect(plan(reports, tasksOf([2]))('a').standbys['0_1']).toEqual(['b', 'c'])
  })

  it('neither releases nor opens tasks that are not in the topology', () => {
    const of = plan([reportOf('a', { active: ['0_0', '7_7'], lags: { '8_8': 0 } })], tasksOf([1]))
    expect(of('a').active).toEqual(['0_0'])
    expect(of('a').owners).toEqual({ '0_0': 'a' })
  })

  it('fences the transactional ids of vanished members, but not of a member that came back', () => {
    const known = knowing({ transactionalIds: { a: ['app-a-0'], b: ['app-b-0', 'app-b-1'] } })
    expect(plan([reportOf('a')], tasksOf([1]), config, known)('a').fence).toEqual(['app-b-0', 'app-b-1'])
    expect(plan([reportOf('a'), reportOf('b')], tasksOf([1]), config, known)('a').fence).toEqual(['app-b-1'])
    expect(goneTransactionalIds(known, NOTHING_KNOWN)).toEqual(['app-a-0', 'app-b-0', 'app-b-1'])
  })

  it('gives the same plan for any order of members, tasks and reports', () => {
    const members = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }).chain((processIds) =>
      fc.tuple(
        ...processIds.map((processId) =>
          fc.record({
            processId: fc.constant(processId),
            threads: fc.integer({ min: 1, max: 3 }),
            topology: fc.constantFrom('v1', 'v1', 'v2'),
            active: fc.subarray(tasksOf([6, 4]).map(({ taskId }) => taskId)),
            lags: fc.dictionary(fc.constantFrom('0_0', '0_1', '0_2', '1_1', '1_3'), fc.integer({ min: 0, max: 300 })),
          }),
        ),
      ),
    )
    fc.assert(
      fc.property(members, fc.boolean(), (list, remembers) => {
        const group = list.map((fields) => ({ memberId: fields.processId, report: reportOf(fields.processId, fields) }))
        const knowledge = remembers
          ? knowing({
              owners: { '0_0': 'a', '0_5': 'e' },
              standbys: { '0_1': ['b', 'c'] },
              transactionalIds: { c: ['x'] },
            })
          : NOTHING_KNOWN
        const one = planGroup(group, tasksOf([6, 4], [1]), config, knowledge)
        const turned = group.map(({ memberId, report }) => ({
          memberId,
          report: {
            ...report,
            active: [...report.active].reverse(),
            lags: Object.fromEntries(Object.entries(report.lags).reverse()),
          },
        }))
        const other = planGroup(turned.reverse(), tasksOf([6, 4], [1]).reverse(), config, knowledge)
        expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one))
        expect([...new Set([...one.values()].flatMap(({ active }) => active))].length).toBe(
          [...one.values()].flatMap(({ active }) => active).length,
        )
      }),
      { seed: 21, numRuns: 400 },
    )
  })

  it('assigns 200 tasks to 20 members quickly', () => {
    const tasks = tasksOf([50, 50, 50, 50])
    const all = tasks.map(({ taskId }) => taskId)
    // Nothing fits: half of the members have all tasks, everybody holds some state of everything.
    const reports = Array.from({ length: 20 }, (_, index) =>
      reportOf(`p${index}`, {
        active: all.filter((_, task) => task % 10 === index),
        lags: Object.fromEntries(
          all.flatMap((taskId, task) => (task % 10 === index ? [] : [[taskId, (task * 7 + index) % 500]])),
        ),
      }),
    )
    const settings = { standbyReplicas: 2, acceptableRecoveryLag: 100, maxWarmupReplicas: 2 }
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now()
      plan(reports, tasks, settings)
      return performance.now() - start
    })
    // Some 20 ms; a search over all pairs of moves takes minutes.
    expect(Math.min(...times)).toBeLessThan(1000)
  })
})

describe('planGroup with different topologies', () => {
  const old = { topology: 'v1' }
  const young = { topology: 'v2' }

  it('refuses the newer member, names both topologies, and gives it nothing', () => {
    const of = plan([reportOf('a', { ...young }), reportOf('b', { ...old, active: ['0_0', '0_1', '0_2', '0_3'] })])
    expect(of('b')).toMatchObject({ refused: null, active: ['0_0', '0_1', '0_2', '0_3'], isProvisional: false })
    expect(of('a')).toMatchObject({ active: [], standby: [] })
    expect(of('a').refused).toMatch(/another topology \(v2\) than its group \(v1\)/)
    expect(Object.keys(of('b').endpoints)).toEqual(['b'])
    expect(Object.keys(of('b').transactionalIds)).toEqual(['b'])
  })

  it('refuses even a majority of new members, and a known process restarted with another topology', () => {
    const known = knowing({ transactionalIds: { a: ['app-a-0'], b: ['app-b-0'] } })
    const of = plan(
      [reportOf('a', young), reportOf('b', { ...old, active: ['0_0'] }), reportOf('c', young)],
      tasksOf([4]),
      config,
      known,
    )
    expect([of('a').refused === null, of('b').refused === null, of('c').refused === null]).toEqual([false, true, false])
    expect(of('a').fence, 'its past may have left a transaction open').toEqual(['app-a-0'])
  })

  it('prefers the members the group knew, then the largest number, then the smallest process id, when nothing runs', () => {
    const refused = (reports: readonly MemberReport[], known = NOTHING_KNOWN): string[] => {
      const of = plan(reports, tasksOf([4]), config, known)
      return reports.map(({ processId }) => processId).filter((processId) => of(processId).refused !== null)
    }
    const three = [reportOf('a', young), reportOf('b', young), reportOf('c', old)]
    expect(refused(three, knowing({ transactionalIds: { c: ['app-c-0'] } }))).toEqual(['a', 'b'])
    expect(refused(three)).toEqual(['c'])
    expect(refused([reportOf('b', old), reportOf('a', young)])).toEqual(['b'])
  })

  it('assigns nothing that a refused member has yet to release, and fences it when it has vanished', () => {
    const reports = [
      reportOf('a', { active: ['0_0'] }),
      reportOf('b', { active: ['0_1'] }),
      reportOf('x', { ...young, active: ['0_2'] }),
    ]
    const first = plan(reports)
    expect(first('x').active).toEqual([])
    expect(Object.keys(first('a').owners).sort()).toEqual(['0_0', '0_1', '0_3'])
    expect(first('a').fence).toEqual([])
    const second = plan(reports.slice(0, 2), tasksOf([4]), config, first('a'))
    expect(Object.keys(second('a').owners)).toHaveLength(4)
    expect(second('a').fence).toEqual(['app-x-0'])
  })

  it('refuses the second of two members with one process id', () => {
    const reports = [reportOf('a', { active: ['0_0'] }), reportOf('a')]
    const members = reports.map((report, index) => ({ memberId: `m${1 - index}`, report }))
    const byMember = planGroup(members, tasksOf([1]), config, NOTHING_KNOWN)
    expect(byMember.get('m1')).toMatchObject({ active: ['0_0'], refused: null })
    expect(byMember.get('m0')?.refused).toMatch(/process id a is in the group already, as member m1/)
  })
})
