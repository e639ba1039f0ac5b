import { describe, expect, it } from 'vitest'
import { AppLog } from '../../../infra/logging/app-log.ts'
import { errorFields } from '../../../infra/logging/error-fields.ts'
import { LineBudget } from '../../../infra/logging/line-budget.ts'
import { packError, unpackError } from '../../../infra/streams/sent-error.ts'
import type { BadRecord } from '../../../runtime/task/bad-records.ts'
import { PoisonedRecordError } from '../../../runtime/task/poisoned-records.ts'
import {
  CommitFailedError,
  ProductionError,
  RecordFailedError,
  StoreCorruptedError,
} from '../../../state/ports/errors.ts'
import { loggedLines } from '../../support/log-lines.ts'

const where = { topic: 'trip.completed', partition: 2, offset: 17 }
const description = { eventId: 'e-1', correlationId: 'c-1' }
/** As a line shows it. */
const place = { ...where, ...description }

function logged(tell: (log: AppLog) => void): Record<string, unknown>[] {
  const { logger, lines } = loggedLines()
  tell(new AppLog(logger))
  return lines.map(({ time: _time, err: _err, ...line }) => line)
}

describe('a failure that a stream thread recovered from', () => {
  const recovered = (error: Error, tasks: readonly string[]) =>
    logged((log) => log.recovered(unpackError(packError(error, tasks), { thread: 3 })))
  const line = { level: 'warn', msg: 'recovered: resuming from the last commit', thread: 3 }

  it('names all tasks of the thread when it concerns them all', () => {
    expect(recovered(new CommitFailedError('no'), ['0_0', '1_0'])).toEqual([{ ...line, taskIds: ['0_0', '1_0'] }])
    expect(recovered(new CommitFailedError('no'), ['0_0'])).toEqual([{ ...line, taskId: '0_0' }])
  })

  it('names the task, store and record that the error knows, its causes included', () => {
    const cause = new ProductionError('trip.state', 'too large')
    const poisoned = new PoisonedRecordError({ taskId: '0_2', ...where, description }, cause)
    expect(recovered(poisoned, ['0_0', '0_2'])).toEqual([{ ...line, taskId: '0_2', ...place }])
    const corrupted = new CommitFailedError('no', { cause: new StoreCorruptedError('0_1', 'trip-state', 'torn') })
    expect(recovered(corrupted, ['0_0', '0_1'])).toEqual([{ ...line, taskId: '0_1', store: 'trip-state' }])
    expect(recovered(new CommitFailedError('no', { cause }), ['0_0'])).toEqual([
      { ...line, taskId: '0_0', topic: 'trip.state' },
    ])
  })
})

it('the error that stops an instance says which record it was, through the thread that died of it', () => {
  const failed = unpackError(packError(new RecordFailedError('0_2', { ...where, description }, new Error('no'))), {
    thread: 1,
  })
  const replaced = new Error('stream thread 1 has died', { cause: failed })
  expect(errorFields(replaced)).toEqual({ thread: 1, taskId: '0_2', ...place })
})

describe('bad records', () => {
  const bad: BadRecord = {
    ...{ taskId: '0_2', ...where, description },
    ...{ outcome: 'dead-letter', reason: 'schema', message: 'no fare' },
  }
  const line = { level: 'warn', thread: 0, taskId: '0_2', ...place, reason: 'schema', error: 'no fare' }

  it('each get a line that says what and where it is', () => {
    const lines = logged((log) =>
      log.badRecords({ first: [bad, { ...bad, outcome: 'dropped', offset: 18 }], more: 0 }, 0),
    )
    expect(lines).toEqual([
      { ...line, msg: 'bad record: sent to the dead letter topic' },
      { ...line, offset: 18, msg: 'bad record: dropped' },
    ])
  })

  it('in a flood are counted in the next line that is written', () => {
    let now = 0
    const budget = new LineBudget(2, () => now)
    expect([budget.take(), budget.take(), budget.take(), budget.take()]).toEqual([0, 0, null, null])
    budget.skip(5)
    now = 999
    expect(budget.take()).toBeNull()
    now = 1000
    expect([budget.take(), budget.take(), budget.take()]).toEqual([8, 0, null])
  })
})

it('restores and removed state are told with task, thread and changelog', () => {
  const event = {
    type: 'progress',
    taskId: '0_1',
    topic: 'app-trips-changelog',
    store: 'trips',
    partition: 1,
    remaining: 30,
    total: 100,
    recordsPerSecond: 20,
    elapsedMs: 3500,
  } as const
  const { type: _type, elapsedMs: _elapsed, ...fields } = event
  expect(
    logged((log) => {
      log.restore(event, 2)
      log.stateRemoved('0_3')
    }),
  ).toEqual([
    { level: 'info', msg: 'still restoring a store', thread: 2, ...fields, seconds: 3.5, etaSeconds: 2 },
    { level: 'info', msg: 'removed the state of a task that runs elsewhere', taskId: '0_3' },
  ])
})

it('secrets are masked wherever they stand in a line', () => {
  const { logger, lines } = loggedLines()
  const secrets = { password: 'hush', token: 'hush', authorization: 'Bearer hush', kafkaSaslPassword: 'hush' }
  logger.warn({ ...secrets, config: { ...secrets, httpToken: 'hush', sasl: { password: 'hush' } } }, 'starting')
  expect(lines).toHaveLength(1)
  expect(JSON.stringify(lines)).not.toContain('hush')
})
