import { describe, expect, expectTypeOf, it } from 'vitest'
import type { StreamsConfig } from '../../runtime/instance/streams-config.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { AsyncTimeoutError, TaskClosedError } from '../../state/ports/errors.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import {
  type AsyncAnswers,
  type AsyncCall,
  type AsyncOptions,
  type KStream,
  StreamsBuilder,
  serdes,
  type Topology,
  timeWindowedSerde,
  timeWindows,
  topologyDiff,
} from '../../topology/index.ts'

/** A service that answers when the test says so. */
class Service {
  /** Values that were asked about, each attempt once. */
  readonly asked: string[] = []
  readonly calls: AsyncCall[] = []
  readonly #open: {
    readonly value: string
    readonly resolve: (answer: string) => void
    readonly reject: (error: Error) => void
  }[] = []

  readonly ask = (value: string, _key: string, call: AsyncCall): Promise<string> => {
    this.asked.push(value)
    this.calls.push(call)
    return new Promise((resolve, reject) => this.#open.push({ value, resolve, reject }))
  }

  answer(value: string): void {
    this.#take(value).resolve(`${value}!`)
  }

  fail(value: string): void {
    this.#take(value).reject(new Error(`no ${value}`))
  }

  #take(value: string) {
    const at = this.#open.findIndex((one) => one.value === value)
    const [taken] = this.#open.splice(at, 1)
    if (at < 0 || taken === undefined) throw new Error(`nobody asks about ${value}`)
    return taken
  }
}

const TEXT = { defaultKeySerde: serdes.string, defaultValueSerde: serdes.string }

function driverOf(write: (input: KStream<string, string>) => void, config: Partial<StreamsConfig> = {}) {
  const builder = new StreamsBuilder(TEXT)
  write(builder.stream('in'))
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }), { config })
  const input = driver.inputTopic('in', serdes.string, serdes.string)
  const output = driver.outputTopic('out', serdes.string, serdes.string)
  const outputs = () => output.readRecords().map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`)
  const waiting = () => [...driver.store<KeyValueStore<number, Buffer>>('ask-calls').all()].length
  return { driver, input, outputs, waiting }
}

function asking(options: Partial<AsyncOptions<string, string>> = {}, config: Partial<StreamsConfig> = {}) {
  const service = new Service()
  const run = driverOf((input) => input.mapAsync(service.ask, { name: 'ask', ...options }).to('out'), config)
  return { service, ...run }
}

const DEAD_LETTERS: Partial<StreamsConfig> = { processingExceptionHandler: 'dead-letter' }

describe('mapAsync', () => {
  it('goes on with the answer under the key, time and headers of the record, and keeps a row until then', async () => {
    const { service, driver, input, waiting } = asking()
    const headers = [{ key: 'trace', value: Buffer.from('1') }]
    input.pipeInput('a', 'x', 5, headers)
    expect(service.asked).toEqual(['x'])
    expect(waiting()).toBe(1)
    service.answer('x')
    await driver.nextAnswer()
    expect(driver.readOutput('out')).toEqual([
      { key: Buffer.from('a'), value: Buffer.from('x!'), timestamp: 5, headers },
    ])
    expect(waiting()).toBe(0)
    driver.close()
  })

  it('makes the calls of one key one after another, and those of other keys meanwhile', async () => {
    const { service, driver, input, outputs } = asking()
    input.pipeInput('a', 'a1', 1)
    input.pipeInput('a', 'a2', 2)
    input.pipeInput('b', 'b1', 3)
    expect(service.asked).toEqual(['a1', 'b1'])
    service.answer('b1')
    await driver.nextAnswer()
    service.answer('a1')
    await driver.nextAnswer()
    expect(service.asked).toEqual(['a1', 'b1', 'a2'])
    service.answer('a2')
    await driver.runCalls()
    expect(outputs()).toEqual(['b=b1!@3', 'a=a1!@1', 'a=a2!@2'])
    driver.close()
  })

  it('by order "partition" holds answers back until those of earlier records are there', async () => {
    const { service, driver, input, outputs } = asking({ order: 'partition' })
    input.pipeInput('a', 'a1', 1)
    input.pipeInput('b', 'b1', 2)
    service.answer('b1')
    await driver.nextAnswer()
    expect(outputs()).toEqual([])
    service.answer('a1')
    await driver.nextAnswer()
    expect(outputs()).toEqual(['a=a1!@1', 'b=b1!@2'])
    driver.close()
  })

  it('by order "none" asks about all records of a key at once', async () => {
    const { service, driver, input, outputs } = asking({ order: 'none' })
    for (const value of ['1', '2', '3']) input.pipeInput('a', value, 0)
    expect(service.asked).toEqual(['1', '2', '3'])
    for (const value of ['3', '1', '2']) service.answer(value)
    await driver.runCalls()
    expect(outputs()).toEqual(['a=3!@0', 'a=1!@0', 'a=2!@0'])
    driver.close()
  })

  it('records without a key wait for none, and a null value is asked about too', async () => {
    const asked: unknown[] = []
    const { driver, input, outputs } = driverOf((stream) =>
      stream.mapAsync((value, key) => `answer ${asked.push([key, value])}`, { name: 'ask' }).to('out'),
    )
    input.pipeInput(null, 'x', 0)
    input.pipeInput(null, null, 1)
    expect(asked).toEqual([
      [null, 'x'],
      [null, null],
    ])
    await driver.runCalls()
    expect(outputs()).toEqual(['null=answer 1@0', 'null=answer 2@1'])
    driver.close()
  })

  it('makes at most `concurrency` calls at once', async () => {
    const { service, driver, input } = asking({ concurrency: 2, order: 'none' })
    for (const value of ['1', '2', '3', '4']) input.pipeInput(value, value, 0)
    expect(service.asked).toEqual(['1', '2'])
    service.answer('2')
    await driver.nextAnswer()
    expect(service.asked).toEqual(['1', '2', '3'])
    driver.close()
  })

  it('takes in no more records than may wait, by count', async () => {
    const { service, driver, input, outputs, waiting } = asking({ concurrency: 1, maxWaiting: 2 })
    for (const value of ['1', '2', '3', '4']) input.pipeInput(value, value, 0)
    expect(waiting()).toBe(2)
    for (const value of ['1', '2', '3', '4']) {
      service.answer(value)
      await driver.nextAnswer()
    }
    expect(outputs()).toEqual(['1=1!@0', '2=2!@0', '3=3!@0', '4=4!@0'])
    driver.close()
  })

  it('takes in no more records than may wait, by bytes', () => {
    const { input, waiting, driver } = asking({ maxWaitingBytes: 1000 })
    for (let i = 0; i < 5; i++) input.pipeInput(`${i}`, 'x'.repeat(600), 0)
    expect(waiting()).toBe(2)
    driver.close()
  })

  it('gives every attempt at a record the same idempotency key, and other records others', async () => {
    const { service, driver, input } = asking({ order: 'none', retry: { backoffMs: 0 } })
    input.pipeInput('a', 'x', 0)
    input.pipeInput('a', 'y', 0)
    service.fail('x')
    await driver.nextAnswer()
    driver.advanceWallClockTime(1)
    expect(service.calls.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).toEqual([
      [1, 'ask:in:0:0:0'],
      [1, 'ask:in:0:1:0'],
      [2, 'ask:in:0:0:0'],
    ])
    driver.close()
  })

  it('gives the callback a value of its own: changes in place show nowhere', async () => {
    const builder = new StreamsBuilder({
      defaultKeySerde: serdes.string,
      defaultValueSerde: serdes.json<{ n: number }>(),
    })
    const source = builder.stream<string, { n: number }>('in')
    const change = (value: { n: number }): string => {
      value.n = 7
      return 'done'
    }
    source.mapAsync(change, { name: 'ask' }).to('out', { valueSerde: serdes.string })
    source.to('copy')
    const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
    driver.inputTopic('in', serdes.string, serdes.json<{ n: number }>()).pipeInput('a', { n: 1 })
    await driver.runCalls()
    expect(String(driver.readOutput('copy')[0]?.value)).toBe('{"n":1}')
    expect(String(driver.readOutput('out')[0]?.value)).toBe('done')
    driver.close()
  })
})

describe('a failing call', () => {
  it('is tried again after growing pauses, and its key waits meanwhile', async () => {
    const { service, driver, input, outputs } = asking({ retry: { attempts: 3, backoffMs: 100 } })
    input.pipeInput('a', 'a1', 0)
    input.pipeInput('a', 'a2', 0)
    service.fail('a1')
    await driver.nextAnswer()
    driver.advanceWallClockTime(99)
    expect(service.asked).toEqual(['a1'])
    driver.advanceWallClockTime(1)
    expect(service.asked).toEqual(['a1', 'a1'])
    service.fail('a1')
    await driver.nextAnswer()
    driver.advanceWallClockTime(199)
    expect(service.asked).toHaveLength(2)
    driver.advanceWallClockTime(1)
    service.answer('a1')
    await driver.nextAnswer()
    service.answer('a2')
    await driver.nextAnswer()
    expect(outputs()).toEqual(['a=a1!@0', 'a=a2!@0'])
    driver.close()
  })

  it('has its signal aborted at the time limit, and a later answer of that attempt is ignored', async () => {
    const { service, driver, input, outputs } = asking({ timeoutMs: 50, retry: { attempts: 2, backoffMs: 10 } })
    input.pipeInput('a', 'x', 0)
    driver.advanceWallClockTime(50)
    expect(service.calls[0]?.signal.reason).toBeInstanceOf(AsyncTimeoutError)
    driver.advanceWallClockTime(10)
    expect(service.asked).toEqual(['x', 'x'])
    service.answer('x')
    await new Promise(setImmediate)
    driver.advanceWallClockTime(1)
    expect(outputs()).toEqual([])
    service.answer('x')
    await driver.nextAnswer()
    expect(outputs()).toEqual(['a=x!@0'])
    driver.close()
  })

  it('fails for good at once when its error is none to try again', async () => {
    const { service, driver, input, waiting } = asking({ retry: { isRetriable: () => false } }, DEAD_LETTERS)
    input.pipeInput('a', 'x', 0)
    service.fail('x')
    await driver.nextAnswer()
    expect(service.asked).toEqual(['x'])
    expect(waiting()).toBe(0)
    driver.close()
  })

  it('becomes a dead letter with the bytes and place of its input record, and the key goes on', async () => {
    const service = new Service()
    const { driver, input, outputs, waiting } = driverOf((stream) => {
      const shouted = stream.mapValues((value) => value.toUpperCase())
      shouted.mapAsync(service.ask, { name: 'ask', retry: { attempts: 1 } }).to('out')
    }, DEAD_LETTERS)
    const headers = [{ key: 'trace', value: Buffer.from('1') }]
    input.pipeInput('a', 'x', 3, headers)
    input.pipeInput('a', 'y', 4)
    service.fail('X')
    await driver.nextAnswer()
    service.answer('Y')
    await driver.nextAnswer()
    const [letter, ...more] = driver.readOutput('app.dlq')
    expect(more).toEqual([])
    expect([letter?.key, letter?.value, letter?.timestamp].map(String)).toEqual(['a', 'x', '3'])
    const texts = Object.fromEntries([...(letter?.headers ?? [])].map(({ key, value }) => [key, String(value)]))
    expect(texts).toMatchObject({
      trace: '1',
      '__streams.errors.reason': 'async_call',
      '__streams.errors.message': 'the call of ask failed once: no X',
      '__streams.errors.topic': 'in',
      '__streams.errors.offset': '0',
    })
    expect(outputs()).toEqual(['a=Y!@4'])
    expect(waiting()).toBe(0)
    driver.close()
  })

  it('is dropped and counted by the handler `continue`', async () => {
    const { service, driver, input, waiting } = asking(
      { retry: { attempts: 1 } },
      { processingExceptionHandler: 'continue' },
    )
    input.pipeInput('a', 'x', 0)
    service.fail('x')
    await driver.nextAnswer()
    expect([driver.outputTopics, waiting()]).toEqual([[], 0])
    driver.close()
  })

  it('stops the task by the handler `fail`, with an error that names node and record', async () => {
    const { service, driver, input } = asking({ retry: { attempts: 2, backoffMs: 0 } })
    input.pipeInput('a', 'x', 0)
    service.fail('x')
    await driver.nextAnswer()
    driver.advanceWallClockTime(0)
    service.fail('x')
    await expect(driver.nextAnswer()).rejects.toThrow(
      'task 0_0 failed at offset 0 of in-0: the call of ask failed 2 times: no x',
    )
    driver.close()
  })

  it('is tried again from the beginning when the handler says `retry`', async () => {
    let failures = 0
    const processingExceptionHandler = () => (++failures < 2 ? 'retry' : 'continue') as 'retry' | 'continue'
    const retry = { attempts: 1, maxBackoffMs: 1000 }
    const { service, driver, input, waiting } = asking({ retry }, { processingExceptionHandler })
    input.pipeInput('a', 'x', 0)
    service.fail('x')
    await driver.nextAnswer()
    expect(waiting()).toBe(1)
    driver.advanceWallClockTime(1000)
    service.fail('x')
    await driver.nextAnswer()
    expect([service.asked, failures, waiting()]).toEqual([['x', 'x'], 2, 0])
    driver.close()
  })

  it('throws at once, before it has a promise: the same', async () => {
    const { driver, input } = driverOf((stream) => {
      const refuse = (): string => {
        throw new Error('not today')
      }
      stream.mapAsync(refuse, { name: 'ask', retry: { attempts: 1 } }).to('out')
    }, DEAD_LETTERS)
    input.pipeInput('a', 'x', 0)
    await driver.runCalls()
    expect(driver.readOutput('app.dlq')).toHaveLength(1)
    driver.close()
  })

  it('an answer that a later step cannot process becomes a dead letter of its record', async () => {
    const { driver, input, outputs, waiting } = driverOf((stream) => {
      const answers = stream.mapAsync(async (value) => value, { name: 'ask' })
      answers
        .peek((_key, value) => {
          if (value === 'bad') throw new Error('cannot look at it')
        })
        .to('out')
    }, DEAD_LETTERS)
    input.pipeInput('a', 'bad', 0)
    input.pipeInput('a', 'good', 1)
    await driver.runCalls()
    expect(driver.readOutput('app.dlq').map(({ value }) => String(value))).toEqual(['bad'])
    expect(outputs()).toEqual(['a=good@1'])
    expect(waiting()).toBe(0)
    driver.close()
  })
})

it('a closed task aborts the signals of its calls, and takes no answers any more', async () => {
  const { service, driver, input, outputs } = asking()
  input.pipeInput('a', 'x', 0)
  driver.close()
  expect(service.calls[0]?.signal.reason).toBeInstanceOf(TaskClosedError)
  service.answer('x')
  await new Promise(setImmediate)
  await driver.runCalls()
  expect(outputs()).toEqual([])
})

it('flatMapAsync sends each of the values of an answer', async () => {
  const { driver, input, outputs } = driverOf((stream) => {
    stream.flatMapAsync(async (value) => value.split(' '), { name: 'ask' }).to('out')
  })
  input.pipeInput('a', 'x y', 2)
  input.pipeInput('b', 'z', 3)
  await driver.runCalls()
  expect(outputs()).toEqual(['a=x@2', 'a=y@2', 'b=z@3'])
  driver.close()
})

it('several calls from one input record are told apart', async () => {
  const keys: (string | null)[] = []
  const { driver, input } = driverOf((stream) => {
    const words = stream.flatMapValues((value) => value.split(' '))
    words
      .mapAsync((value, _key, { idempotencyKey }) => `${value} ${keys.push(idempotencyKey)}`, { name: 'ask' })
      .to('out')
  })
  input.pipeInput('a', 'x y', 0)
  input.pipeInput('a', 'z', 0)
  await driver.runCalls()
  expect(keys).toEqual(['ask:in:0:0:0', 'ask:in:0:0:1', 'ask:in:0:1:0'])
  driver.close()
})

it('processAsync works with the answer by stores of its own, and may change the key', async () => {
  const builder = new StreamsBuilder(TEXT)
  builder
    .stream<string, string>('in')
    .processAsync(
      () => {
        let forward: (key: string, value: string, timestamp: number) => void
        let seen: KeyValueStore<string, string>
        return {
          init(context) {
            seen = context.store('seen')
            forward = (key, value, timestamp) => context.forward({ key, value, timestamp, headers: [] })
            expectTypeOf(context.recordMetadata).returns.toEqualTypeOf<ReturnType<typeof context.recordMetadata>>()
          },
          call: async ({ value }) => value.length,
          process({ key, value, timestamp }, answer: number) {
            forward(value, `${seen.get(key)} ${answer}`, timestamp)
            seen.put(key, value)
          },
        }
      },
      {
        name: 'ask',
        stores: [
          {
            ...{ kind: 'key-value', name: 'seen', timestamped: false, scan: false, caching: false, logging: true },
            keySerde: serdes.string as never,
            valueSerde: serdes.string as never,
          },
        ],
      },
    )
    .to('out')
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  const input = driver.inputTopic('in', serdes.string, serdes.string)
  input.pipeInput('a', 'one', 1)
  input.pipeInput('a', 'three', 2)
  await driver.runCalls()
  const records = driver.outputTopic('out', serdes.string, serdes.string).readRecords()
  expect(records.map(({ key, value }) => [key, value])).toEqual([
    ['one', 'null 3'],
    ['three', 'one 5'],
  ])
  driver.close()
})

it('asks about the rows of a cached table, which no input record is behind', async () => {
  const builder = new StreamsBuilder(TEXT)
  const keys: (string | null)[] = []
  builder
    .stream<string, string>('in')
    .groupByKey()
    .count({ materialized: { name: 'counts' } })
    .toStream()
    .mapAsync((count, _key, { idempotencyKey }) => `${count} of ${keys.push(idempotencyKey)}`, {
      name: 'ask',
      valueSerde: serdes.int64,
    })
    .to('out')
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  driver.inputTopic('in', serdes.string, serdes.string).pipeInput('a', 'x', 4)
  await driver.runCalls()
  const records = driver.outputTopic('out', serdes.string, serdes.string).readRecords()
  expect(records.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([['a', '1 of 1', 4]])
  expect(keys).toEqual([null])
  driver.close()
})

it('the types of record and answer go through', () => {
  const stream = new StreamsBuilder().stream<string, { n: number }>('in')
  const named = { name: 'ask' }
  expectTypeOf(stream.mapAsync(async ({ n }) => n > 1, named)).toEqualTypeOf<KStream<string, boolean>>()
  expectTypeOf(stream.flatMapAsync(async ({ n }) => [n], named)).toEqualTypeOf<KStream<string, number>>()
})

it.each([
  [{ name: '' }, 'a name must not be empty'],
  [{ concurrency: 0 }, 'ask: concurrency must be a whole number of at least 1, not 0'],
  [{ retry: { attempts: 1.5 } }, 'ask: retry.attempts must be a whole number of at least 1, not 1.5'],
  [{ order: 'topic' as 'key' }, 'ask: order must be one of key, partition, none, not topic'],
])('refuses options that mean nothing: %j', (options, message) => {
  expect(() => asking(options)).toThrow(message)
})

it('windows of a quiet partition stay open while calls are not answered', async () => {
  const service = new Service()
  const builder = new StreamsBuilder(TEXT)
  builder
    .stream<string, string>('in')
    .mapAsync(service.ask, { name: 'ask' })
    .groupByKey()
    .windowedBy(timeWindows({ sizeMs: 10, graceMs: 0 }))
    .emitStrategy('on-window-close')
    .count({ materialized: { name: 'counts' } })
    .toStream()
    .to('out', { keySerde: timeWindowedSerde(serdes.string, 10), valueSerde: serdes.int64 })
  const topology = builder.build().closeWindowsWhenIdle({ afterMs: 100 })
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }))
  const input = driver.inputTopic('in', serdes.string, serdes.string)
  input.pipeInput('a', 'x', 5)
  input.pipeInput('b', 'y', 6)
  service.answer('x')
  await driver.nextAnswer()
  driver.advanceWallClockTime(500)
  service.answer('y')
  await driver.nextAnswer()
  driver.advanceWallClockTime(500)
  const counts = driver.outputTopic('out', timeWindowedSerde(serdes.string, 10), serdes.int64).readRecords()
  expect(counts.map(({ key, value }) => [key?.key, value])).toEqual([
    ['a', 1],
    ['b', 1],
  ])
  driver.close()
})

it('a topic of answers is an internal topic, and orphaned by an upgrade that records none', () => {
  const topologyWith = (answers?: AsyncAnswers<string>): Topology => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    builder
      .stream<string, string>('in')
      .mapAsync(async (value) => value, { name: 'ask', answers })
      .to('out')
    return builder.build()
  }
  const recording = topologyWith({ serde: serdes.string, retentionMs: 5000 })
  const { internalTopics } = recording.build({ applicationId: 'app' })
  expect(internalTopics.filter(({ kind }) => kind === 'answers')).toEqual([
    {
      name: 'app-ask-answers',
      kind: 'answers',
      partitions: 'source',
      config: expect.objectContaining({ 'retention.ms': '5000' }),
    },
  ])
  const diff = topologyDiff(recording.describe().toJSON(), topologyWith().describe().toJSON())
  expect(diff.orphanedTopics).toEqual(['ask-answers'])
  expect(() => topologyWith({ serde: serdes.string, retentionMs: -2 })).toThrow('answers.retentionMs must be')
})
