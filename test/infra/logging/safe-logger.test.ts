import { once } from 'node:events'
import { expect, it } from 'vitest'
import { AppLog } from '../../../infra/logging/app-log.ts'
import type { Logger } from '../../../infra/logging/logger.ts'
import { SafeLogger } from '../../../infra/logging/safe-logger.ts'
import { InvalidRecordError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { loggedLines } from '../../support/log-lines.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const fail = (): never => {
  throw new Error('the disk is full')
}
const reject = async () => fail()

const brokenLogger = (write: () => unknown): Logger => {
  const levels = { fatal: write, error: write, warn: write, info: write, debug: write, trace: write, silent: write }
  return { level: 'info', ...levels, child: fail }
}

it.each([
  ['throws', fail],
  ['returns a promise that is rejected', reject],
])('a logger that %s stops no thread and loses no record, and is told once', async (_what, write) => {
  const warnings: Error[] = []
  const collect = (warning: Error) => warnings.push(warning)
  process.on('warning', collect)
  const warned = once(process, 'warning')
  const log = new AppLog(brokenLogger(write))
  const plan = countingPlan({
    onRecord: (text) => {
      if (text.startsWith('bad')) throw new InvalidRecordError('schema', 'it is bad')
    },
  })
  const app = new MemoryApp({
    plan,
    topics: { in: 1, out: 1 },
    config: { processingExceptionHandler: 'dead-letter' },
    onEvent: (event) => log.write(event),
  })
  await app.start()
  for (const value of ['good', 'bad', 'good', 'bad again', 'good']) app.produce('in', 'a', value)
  await app.drained('in')
  await warned
  expect(app.lines('out').at(-1)).toBe('a=3')
  expect(app.lines(app.deadLetterTopic)).toHaveLength(2)
  expect(app.replaced).toEqual([])
  process.off('warning', collect)
  expect(warnings.map(({ message }) => message)).toEqual([
    'the logger failed, and lines of log are lost: the disk is full',
  ])
  await app.instance.close()
})

it('what a logger that works is given arrives, from its children, too', () => {
  const { logger, lines } = loggedLines()
  const safe = SafeLogger.of(logger)
  safe.warn({ a: 1 }, 'one')
  safe.child({ b: 2 }).info({}, 'two')
  expect(lines).toMatchObject([
    { a: 1, level: 'warn', msg: 'one' },
    { b: 2, level: 'info', msg: 'two' },
  ])
  expect(SafeLogger.of(safe)).toBe(safe)
  safe.level = 'error'
  expect([safe.level, logger.level]).toEqual(['error', 'error'])
})
