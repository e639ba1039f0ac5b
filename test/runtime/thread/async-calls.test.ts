import { expect, it } from 'vitest'
import type { StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { CommitFailedError } from '../../../state/ports/errors.ts'
import { type AsyncOptions, type KStream, type Plan, StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp, type MemoryAppOptions } from '../../support/memory-app.ts'

/** A service that holds its answers back until the test lets them go. */
class Service {
  asked: string[] = []
  readonly signals: AbortSignal[] = []
  #waiting: (() => void)[] = []
  #isOpen = false

  readonly ask = async (value: string, _key: string, { signal }: { readonly signal: AbortSignal }): Promise<string> => {
    this.asked.push(value)
    this.signals.push(signal)
    if (!this.#isOpen) await new Promise<void>((go) => this.#waiting.push(go))
    return `${value}!`
  }

  /** Answers all that was asked, and all that will be. */
  open(): void {
    this.#isOpen = true
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Answers what was asked first. */
  answerOne(): void {
    this.#waiting.shift()?.()
  }
}

const TEXT = { defaultKeySerde: serdes.string, defaultValueSerde: serdes.string }

function planOf(write: (input: KStream<string, string>) => void): Plan {
  const builder = new StreamsBuilder(TEXT)
  write(builder.stream('in'))
  return builder.build().build({ applicationId: 'app' })
}

function appOf(
  write: (input: KStream<string, string>) => void,
  config: Partial<StreamsConfig> = {},
  more: Partial<MemoryAppOptions> = {},
): MemoryApp {
  return new MemoryApp({ plan: planOf(write), topics: { in: 1, out: 1 }, config, ...more })
}

function asking(options: Partial<AsyncOptions<string, string>> = {}, config: Partial<StreamsConfig> = {}) {
  const service = new Service()
  const app = appOf((input) => input.mapAsync(service.ask, { name: 'ask', ...options }).to('out'), config)
  const asked = (count: number) => app.time.until(`${count} calls`, () => service.asked.length >= count)
  const lines = (count: number) => app.time.until(`${count} outputs`, () => app.lines('out').length >= count)
  const rows = () => {
    const left = new Map<string, string | null>()
    for (const { key, value } of app.records('app-ask-calls-changelog'))
      left.set(String(key?.toString('hex')), value && 'row')
    return [...left.values()].filter((value) => value !== null).length
  }
  return { service, app, asked, lines, rows }
}

it('after a restart exactly the unanswered calls are made again, with and without the disk', async () => {
  const { service, app, asked, lines, rows } = asking()
  await app.start()
  for (const value of ['1', '2', '3']) app.produce('in', value, value)
  await asked(3)
  service.answerOne()
  await lines(1)
  await app.drained('in')
  expect([app.lines('out'), rows()]).toEqual([['1=1!'], 2])

  service.asked = []
  await app.restart()
  await asked(2)
  expect(service.asked).toEqual(['2', '3'])

  await app.instance.close()
  app.disk = memoryBackends({ durable: true })
  service.asked = []
  service.open()
  await app.start()
  await lines(3)
  expect([service.asked, app.lines('out'), rows()]).toEqual([['2', '3'], ['1=1!', '2=2!', '3=3!'], 0])
  await app.instance.close()
})

it('close() does not wait for a slow call, and tells it', async () => {
  const { service, app, asked } = asking()
  await app.start()
  app.produce('in', 'a', 'x')
  await asked(1)
  await app.instance.close()
  expect(service.signals.map(({ aborted }) => aborted)).toEqual([true])
})

it('a call whose task goes away is made again when the task comes back, and the first answer does nothing', async () => {
  const { service, app, asked, lines } = asking()
  await app.start()
  app.produce('in', 'a', 'x')
  await asked(1)
  await app.drained('in')
  await app.membership.rebalance({ active: [], standby: [] })
  await app.membership.rebalance({ active: ['0_0'], standby: [] })
  await asked(2)
  service.open()
  await lines(1)
  await app.time.pass(1000)
  expect(app.lines('out')).toEqual(['a=x!'])
  await app.instance.close()
})

it('an answer whose commit fails has no effect: the call is made again', async () => {
  const { service, app, asked, lines } = asking()
  await app.start()
  app.produce('in', 'a', 'x')
  await asked(1)
  await app.drained('in')
  let failures = 0
  app.writer.before = async () => {
    if (failures++ === 0) throw new CommitFailedError('planned')
  }
  service.open()
  await lines(1)
  expect([service.asked, app.lines('out')]).toEqual([['x', 'x'], ['a=x!']])
  await app.instance.close()
})

it('answers and input that follow one another in one epoch leave no row behind', async () => {
  const { service, app, lines, rows } = asking({ concurrency: 3 })
  service.open()
  await app.start()
  for (let i = 0; i < 200; i++) app.produce('in', `${i % 7}`, String(i))
  await lines(200)
  await app.drained('in')
  await app.time.pass(500)
  expect(rows()).toBe(0)
  for (let key = 0; key < 7; key++) {
    const values = app.lines('out').filter((line) => line.startsWith(`${key}=`))
    const expected = Array.from({ length: 200 }, (_, i) => i).filter((i) => i % 7 === key)
    expect(values).toEqual(expected.map((i) => `${key}=${i}!`))
  }
  await app.instance.close()
})

it('records that may not wait stay in their topic, and their partition is paused', async () => {
  const { service, app, asked, lines } = asking({ maxWaiting: 10 }, { maxBufferedBytesPerPartition: 2000 })
  await app.start()
  const value = 'x'.repeat(500)
  for (let i = 0; i < 300; i++) app.produce('in', `${i}`, value)
  await asked(10)
  await app.time.pass(5000)
  expect(service.asked).toHaveLength(10)
  expect(await app.metric('unanswered_calls')).toBe(10)
  expect(app.readers.reduce((sum, { handedOut }) => sum + handedOut, 0)).toBeLessThan(300)
  service.open()
  await lines(300)
  expect(await app.metric('async_call_attempts_total')).toBe(300)
  await app.instance.close()
})

it('time limits and pauses need no input to pass', async () => {
  const service = new Service()
  const app = appOf(
    (input) =>
      input.mapAsync(service.ask, { name: 'ask', timeoutMs: 5000, retry: { attempts: 2, backoffMs: 1000 } }).to('out'),
    { processingExceptionHandler: 'dead-letter' },
  )
  await app.start()
  app.produce('in', 'a', 'x')
  await app.time.until('a dead letter', () => app.records('app.dlq').length > 0)
  expect(service.asked).toEqual(['x', 'x'])
  expect(app.lines('app.dlq')).toEqual(['a=x'])
  await app.instance.close()
})

it('an answer that cannot be processed costs its own record: the others have their effect once', async () => {
  let calls = 0
  const app = appOf(
    (input) => {
      const answers = input.mapAsync(
        async (value) => {
          calls++
          return value
        },
        { name: 'ask' },
      )
      answers
        .peek((_key, value) => {
          if (value.startsWith('bad')) throw new Error(`cannot take ${value}`)
        })
        .to('out')
    },
    { processingExceptionHandler: 'dead-letter' },
  )
  await app.start()
  for (const value of ['1', 'bad 2', '3', 'bad 4', '5']) app.produce('in', value, value)
  await app.time.until('all outputs', () => app.lines('out').length + app.lines('app.dlq').length >= 5)
  await app.time.pass(1000)
  expect(app.lines('out').sort()).toEqual(['1=1', '3=3', '5=5'])
  expect(app.lines('app.dlq').sort()).toEqual(['bad 2=bad 2', 'bad 4=bad 4'])
  expect(calls).toBeGreaterThanOrEqual(5)
  await app.instance.close()
})

it('an answer that the broker refuses becomes a dead letter of its record', async () => {
  const app = appOf(
    (input) => input.mapAsync(async (value) => (value === 'long' ? 'x'.repeat(500) : value), { name: 'ask' }).to('out'),
    { productionExceptionHandler: 'dead-letter' },
    { maxMessageBytes: { out: 200 }, knowsLimits: false },
  )
  await app.start()
  for (const value of ['1', 'long', '3']) app.produce('in', value, value)
  await app.time.until('all outputs', () => app.lines('out').length + app.lines('app.dlq').length >= 3)
  await app.time.pass(1000)
  expect(app.lines('out').sort()).toEqual(['1=1', '3=3'])
  expect(app.lines('app.dlq')).toEqual(['long=long'])
  await app.instance.close()
})

it('under at_least_once the row goes only when the effects are committed', async () => {
  const { service, app, asked, lines, rows } = asking({}, { processingGuarantee: 'at_least_once' })
  await app.start()
  app.produce('in', 'a', 'x')
  await asked(1)
  await app.drained('in')
  let rowsAtOutput = -1
  app.writer.after = async () => {
    if (app.lines('out').length === 1 && rowsAtOutput < 0) rowsAtOutput = rows()
  }
  service.open()
  await lines(1)
  await app.time.until('no row', () => rows() === 0)
  expect([rowsAtOutput, app.lines('out'), service.asked]).toEqual([1, ['a=x!'], ['x']])
  await app.instance.close()
})

it('a commit of answers alone carries offsets: they fence a process that has lost the task', async () => {
  const { service, app, asked, lines } = asking()
  await app.start()
  app.produce('in', 'a', 'x')
  await asked(1)
  await app.drained('in')
  const offsets: number[] = []
  app.writer.before = async (request) => {
    if (request.batch.records > 0) offsets.push(request.offsets.length)
  }
  service.open()
  await lines(1)
  expect(offsets).toEqual([1])
  await app.instance.close()
})
