import { expect, it } from 'vitest'
import { BadRecordList, type BadRecords } from '../../../runtime/task/bad-records.ts'
import { recordIds } from '../../../runtime/task/record-ids.ts'
import { CommitFailedError, InvalidRecordError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const value = (fields: object): Buffer => Buffer.from(JSON.stringify(fields))

it('a record is called by its event id and correlation id, as far as it has them', () => {
  const ids = (fields: object, header?: string) =>
    recordIds({
      value: value(fields),
      headers: header === undefined ? [] : [{ key: 'correlation-id', value: Buffer.from(header) }],
    })
  expect(ids({ eventId: 'e', correlationId: 'c' }, 'h')).toEqual({ eventId: 'e', correlationId: 'h' })
  expect(ids({ eventId: 'e', correlationId: 'c' })).toEqual({ eventId: 'e', correlationId: 'c' })
  expect(ids({ eventId: 'e' })).toEqual({ eventId: 'e', correlationId: 'e' })
  expect(ids({ eventId: 7, correlationId: {} })).toEqual({})
  expect(ids({ eventId: 'x'.repeat(1000) }).eventId).toHaveLength(200)
  const of = (bytes: Buffer | null) => recordIds({ value: bytes, headers: [] })
  for (const bytes of [
    null,
    Buffer.from(''),
    Buffer.from('null'),
    Buffer.from('7'),
    Buffer.from('{'),
    Buffer.from('['.repeat(60_000)),
  ]) {
    expect(of(bytes)).toEqual({})
  }
  // Not looked into: one bad record must not cost more than many good ones.
  expect(of(value({ eventId: 'e', more: 'x'.repeat(70_000) }))).toEqual({})
})

it('of a flood the first of an epoch are described, the others counted', () => {
  const list = new BadRecordList()
  let described = 0
  for (let offset = 0; offset < 25; offset++) {
    list.add(() => {
      described++
      return {
        taskId: '0_0',
        topic: 'in',
        partition: 0,
        offset,
        outcome: 'dropped',
        reason: 'json',
        message: 'm'.repeat(900),
      }
    })
  }
  expect([described, list.first.map(({ offset }) => offset), list.more]).toEqual([
    10,
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    15,
  ])
  expect(list.first[0]?.message).toHaveLength(500)
})

it('bad records are told once, with the commit that has dealt with them, however often it failed before', async () => {
  const told: BadRecords[] = []
  const plan = countingPlan({
    onRecord: (text) => {
      if (text.includes('bad')) throw new InvalidRecordError('schema', 'it is bad')
    },
  })
  const app = new MemoryApp({
    plan,
    topics: { in: 1, out: 1 },
    config: { processingExceptionHandler: 'dead-letter' },
    onBadRecords: (bad) => told.push(bad),
  })
  await app.start()
  await app.drained('in')
  let failures = 2
  app.writer.before = async ({ batch }) => {
    if (batch.records > 0 && failures-- > 0) throw new CommitFailedError('the broker said no')
  }
  app.produce('in', 'a', 'good')
  app.produce('in', 'a', '{"eventId":"e-1","correlationId":"c-1","bad":true}')
  app.produce('in', 'a', 'good')
  await app.drained('in')
  expect(failures).toBeLessThan(0)
  expect(app.lines(app.deadLetterTopic)).toHaveLength(1)
  const record = { taskId: '0_0', topic: 'in', partition: 0, offset: 1, eventId: 'e-1', correlationId: 'c-1' }
  expect(told.map(({ first, more }) => ({ first: [...first], more }))).toEqual([
    { first: [{ ...record, outcome: 'dead-letter', reason: 'schema', message: 'it is bad' }], more: 0 },
  ])
  // What it recovered from names the same record.
  expect(app.recovered.find((error) => 'eventId' in error)).toMatchObject({ code: 'POISONED_RECORD', ...record })
  await app.instance.close()
})
