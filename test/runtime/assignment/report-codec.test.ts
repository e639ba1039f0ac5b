import { describe, expect, it } from 'vitest'
import { parseAssignment, parseReport } from '../../../runtime/assignment/report-codec.ts'
import type { MemberAssignment } from '../../../runtime/assignment/types.ts'
import { reportOf } from './obedient-group.ts'

const report = reportOf('a', { active: ['0_0', '1_12'], lags: { '0_1': 0, '0_2': 512 }, applicationServer: null })
const assignment: MemberAssignment = {
  active: ['0_0'],
  standby: ['0_1'],
  fence: ['app-b-0'],
  isProvisional: true,
  refused: null,
  owners: { '0_0': 'a' },
  standbys: { '0_0': ['b'] },
  transactionalIds: { a: ['app-a-0'] },
  endpoints: { a: null, b: 'host:1' },
  successors: { '0_2': 'b' },
}

describe('parseReport', () => {
  it('reads what was written, and ignores fields of later versions', () => {
    expect(parseReport(JSON.stringify(report))).toEqual(report)
    expect(parseReport(JSON.stringify({ ...report, floor: 'f1' }))).toEqual(report)
    expect(parseReport(JSON.stringify({ ...report, rack: 'r1' }))).toEqual({ ...report, rack: 'r1' })
    const last = { ...report, shutdown: 'no more' }
    expect(parseReport(JSON.stringify(last))).toEqual(last)
  })

  it.each([
    ['no JSON', '{"processId":'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['no process id', JSON.stringify({ ...report, processId: '' })],
    ['no threads', JSON.stringify({ ...report, threads: 0 })],
    ['half a thread', JSON.stringify({ ...report, threads: 1.5 })],
    [
      'a report of the first version',
      JSON.stringify({ processId: 'a', transactionalIds: [], threads: 1, applicationServer: null }),
    ],
    ['tasks that are none', JSON.stringify({ ...report, active: ['0_x'] })],
    ['one task, no list', JSON.stringify({ ...report, active: '0_0' })],
    ['a shutdown without a reason', JSON.stringify({ ...report, shutdown: true })],
    ['a negative lag', JSON.stringify({ ...report, lags: { '0_1': -1 } })],
    ['a lag of nothing', JSON.stringify({ ...report, lags: { '0_1': Number.POSITIVE_INFINITY } })],
    ['a lag of no task', JSON.stringify({ ...report, lags: { __proto__x: 1 } })],
  ])('refuses %s', (_, json) => {
    expect(parseReport(json)).toBeNull()
  })
})

describe('parseAssignment', () => {
  it('reads what was written, also without successors', () => {
    expect(parseAssignment(JSON.stringify(assignment))).toEqual(assignment)
    expect(parseAssignment(JSON.stringify({ ...assignment, successors: undefined }))).toEqual({
      ...assignment,
      successors: {},
    })
  })

  it.each([
    'active',
    'standby',
    'fence',
    'isProvisional',
    'refused',
    'owners',
    'standbys',
    'transactionalIds',
    'endpoints',
    'successors',
  ])('refuses an assignment with a broken %s', (field) => {
    expect(parseAssignment(JSON.stringify({ ...assignment, [field]: 7 }))).toBeNull()
  })

  it('refuses text that is not JSON', () => {
    expect(parseAssignment('')).toBeNull()
  })
})
