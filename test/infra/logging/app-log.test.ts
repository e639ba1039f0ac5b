import { describe, expect, it } from 'vitest'
import { AppLog } from '../../../infra/logging/app-log.ts'
import { errorFields } from '../../../infra/logging/error-fields.ts'
import { LimitedLines } from '../../../infra/logging/limited-lines.ts'
import { packError, packEvent, unpackError, unpackEvent } from '../../../infra/streams/sent-error.ts'
import type { BadRecord, InstanceEvent, ThreadEvent } from '../../../runtime/ports/instance-events.ts'
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
/** The fields in a log line. */
const place = { ...where, ...description }

function logged(tell: (log: AppLog) => void): Record<string, unknown>[] {
  const { logger, lines } = loggedLines()
  tell(new AppLog(logger))
  return lines.map(({ time: _time, err: _err, ...line }) => line)
}

/** The event as it comes from a worker. */
const crossed = (event: InstanceEvent & ThreadEvent, thread: number) =>
  unpackEvent(packEvent(event), thread) as InstanceEvent

describe('a failure that a stream thread recovered from', () => {
  const recovered = (error: Error, tasks: readonly string[]) =>
    logged((log) => log.write(crossed({ type: 'recovered', error, tasks }, 3), 3))
  const line = { level: 'warn', msg: 'recovered: resuming from the last commit', thread: 3 }

  it('names all tasks of the thread when it affects them all', () => {
    expect(recovered(new CommitFailedError('no'), ['0_0', '1_0'])).toEqual([{ ...line, taskIds: ['0_0', '1_0'] }])
    expect(recovered(new CommitFailedError('no'), ['0_0'])).toEqual([{ ...line, taskId: '0_0' }])
  })

  it('names the task, store and record of the error or of its causes', () => {
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

it('the error that stops an instance names its record, also when a thread died of it', () => {
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

  it('get one line each with the reason and the place', () => {
    const lines = logged((log) =>
      log.write({ type: 'bad-records', bad: { first: [bad, { ...bad, outcome: 'dropped', offset: 18 }], more: 0 } }, 0),
    )
    expect(lines).toEqual([
      { ...line, msg: 'bad record: sent to the dead letter topic' },
      { ...line, offset: 18, msg: 'bad record: dropped' },
    ])
  })

  it('in a flood are counted in the next line that is written', () => {
    let now = 0
    const { logger, lines } = loggedLines()
    const limited = new LimitedLines(logger, () => now)
    const write = (times: number): unknown[] => {
      const before = lines.length
      for (let i = 0; i < times; i++) limited.write('warn', { i }, 'bad record')
      return lines.slice(before).map(({ i: at, notLogged }) => [at, notLogged])
    }
    expect(write(12)).toEqual(Array.from({ length: 10 }, (_, i) => [i, undefined]))
    limited.skip(5)
    now = 999
    expect(write(1)).toEqual([])
    now = 1000
    expect(write(11)).toEqual(Array.from({ length: 10 }, (_, i) => [i, i === 0 ? 8 : undefined]))
    now = 2000
    expect(write(1)).toEqual([[0, 1]])
  })
})

it('log lines about restored and removed state have task, thread and changelog', () => {
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
      log.write({ type: 'restore', restore: event }, 2)
      log.write({ type: 'state-removed', taskId: '0_3' })
    }),
  ).toEqual([
    { level: 'info', msg: 'still restoring a store', thread: 2, ...fields, seconds: 3.5, etaSeconds: 2 },
    { level: 'info', msg: 'removed the state of a task that runs elsewhere', taskId: '0_3' },
  ])
})

it('lost input, misplaced keys, lost traces and settings of topics each get a line', () => {
  const lost = { taskId: '0_1', topic: 'trip.completed', partition: 1, committed: 5, position: 9, records: 4 }
  const keys = { topic: 'trip.completed', partition: 1, offset: 7, partitions: 3, likely: 'consistent_random' }
  const notice = { topics: ['app.dlq'], detail: 'max.message.bytes 1 -> 2' }
  const lines = logged((log) => {
    log.write({ type: 'input-lost', lost }, 2)
    log.write({ type: 'input-lost', lost: { ...lost, records: 0 } }, 2)
    // Threads find it out one by one.
    for (const thread of [0, 1]) log.write({ type: 'misplaced-keys', keys }, thread)
    log.write(crossed({ type: 'traces-lost', error: new Error('no collector') }, 2), 2)
    log.write({ type: 'topic-notice', notice: { type: 'changed', ...notice } })
    log.write({ type: 'topic-notice', notice: { type: 'refused', ...notice } })
  })
  const starts = (text: string): unknown => expect.stringMatching(new RegExp(`^${text}`))
  expect(lines).toEqual([
    { level: 'error', msg: starts('input was removed before it was processed'), thread: 2, ...lost },
    {
      level: 'error',
      msg: starts('the committed offset is beyond the end of the log'),
      thread: 2,
      ...lost,
      records: 0,
    },
    { level: 'error', msg: starts('records lie in other partitions'), ...keys },
    { level: 'warn', msg: 'traces were not delivered', thread: 2 },
    { level: 'info', msg: starts('a topic of this application had other settings'), ...notice },
    { level: 'warn', msg: starts('the brokers refuse settings'), ...notice },
  ])
})

it('secrets are masked anywhere in a line', () => {
  const { logger, lines } = loggedLines()
  const secrets = { password: 'hush', token: 'hush', authorization: 'Bearer hush', tls: { key: 'hush' } }
  logger.warn({ ...secrets, config: { ...secrets, httpToken: 'hush', sasl: { password: 'hush' } } }, 'starting')
  expect(lines).toHaveLength(1)
  expect(JSON.stringify(lines)).not.toContain('hush')
})
