import { describe, expect, it } from 'vitest'
import type { BadRecords } from '../../../runtime/ports/instance-events.ts'
import type { LogRecord } from '../../../runtime/ports/log.ts'
import { BadRecordList } from '../../../runtime/task/bad-records.ts'
import { type DescribeRecord, describedBy } from '../../../runtime/task/record-description.ts'
import { CommitFailedError, InvalidRecordError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const record = (value: string): LogRecord => ({
  offset: 0,
  timestamp: 0,
  key: null,
  value: Buffer.from(value),
  headers: [],
})

describe('the description of a bad record', () => {
  it('has the fields of the application, without reserved names and within bounds', () => {
    const said = {
      order: 'o-1',
      offset: '7',
      err: 'e',
      toString: 'x',
      'a b': 'c',
      none: undefined,
      long: 'x'.repeat(999),
    }
    expect(describedBy(() => said, record(''))).toEqual({ order: 'o-1', long: 'x'.repeat(200) })
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'x']))
    expect(Object.keys(describedBy(() => many, record('')))).toHaveLength(8)
    expect(describedBy(undefined, record(''))).toEqual({})
  })

  it.each([
    ['throws', () => JSON.parse('{'), /JSON/],
    ['returns a promise', () => Promise.reject(new Error('later')), /^describeRecord returned a promise/],
    ['returns nothing', () => undefined, /undefined/],
  ])('gives the reason for its absence when the function %s', (_what, describeRecord, message) => {
    expect(describedBy(describeRecord as DescribeRecord, record('{'))).toEqual({
      descriptionError: expect.stringMatching(message),
    })
  })
})

it('in a flood the first bad records of an epoch are described, and the others are counted', () => {
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
        description: {},
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

it('bad records are reported once, with the commit that has handled them, however often it failed before', async () => {
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
    describeRecord: ({ value }) => ({ label: /label=(\w+)/.exec(String(value))?.[1] }),
    onEvent: (event) => {
      if (event.type === 'bad-records') told.push(event.bad)
    },
  })
  await app.start()
  await app.drained('in')
  let failures = 2
  app.writer.before = async ({ batch }) => {
    if (batch.records > 0 && failures-- > 0) throw new CommitFailedError('the broker said no')
  }
  app.produce('in', 'a', 'good')
  app.produce('in', 'a', 'bad label=b')
  app.produce('in', 'a', 'good')
  await app.drained('in')
  expect(failures).toBeLessThan(0)
  expect(app.lines(app.deadLetterTopic)).toHaveLength(1)
  const record = { taskId: '0_0', topic: 'in', partition: 0, offset: 1, description: { label: 'b' } }
  expect(told.map(({ first, more }) => ({ first: [...first], more }))).toEqual([
    { first: [{ ...record, outcome: 'dead-letter', reason: 'schema', message: 'it is bad' }], more: 0 },
  ])
  // The reported failure names the same record.
  expect(app.recovered.find((error) => 'offset' in error)).toMatchObject({ code: 'POISONED_RECORD', ...record })
  await app.instance.close()
})
