import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import { KafkaStreams, type KafkaStreamsConfig } from '../../../infra/streams/index.ts'
import { verifyLocalStores } from '../../../infra/streams/local-state/index.ts'
import { levelBackends } from '../../../state/backends/level.ts'
import { type OpenBackends, type Plan, StreamsBuilder, serdes, type Topology } from '../../../topology/index.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { readTopic, text } from '../../support/kafka-log.ts'
import { kafkajs, kafkajsProducer } from '../../support/kafkajs.ts'
import { loggedLines } from '../../support/log-lines.ts'

const applicationId = uniqueName('whole')
const input = `${applicationId}-words`

/** It counts words, and a closure of this test sees each of them. */
function countWords(onWord: (word: string) => void): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream<string, string>(input)
    .peek((_key, word) => onWord(word))
    .groupBy((_key, word) => word)
    .count({ materialized: { name: 'counts' } })
  return builder.build()
}

/** Records of the input that are there and not processed. */
async function behind(streams: KafkaStreams): Promise<number> {
  const partitions = (await streams.tasks()).flatMap((task) => task.partitions).filter(({ topic }) => topic === input)
  return partitions.reduce((sum, { position, endOffset }) => sum + endOffset - position, 0)
}

const quiet = { applicationId, brokers: ['127.0.0.1:1'], logLevel: 'silent' } satisfies KafkaStreamsConfig

describe('KafkaStreams on a broker', () => {
  let bootstrap: string
  let producer: Producer
  let stateDir: string

  beforeAll(async () => {
    bootstrap = (await kafkaForTests()).bootstrap
    stateDir = await mkdtemp(join(tmpdir(), 'whole-'))
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'whole' })
    await kafka.admin().createTopics([{ name: input, partitions: 2, config: {} }])
    await kafka.close()
    producer = await kafkajsProducer(kafkajs(bootstrap))
  })
  afterAll(async () => {
    await producer?.disconnect()
  })
  const send = (...words: string[]) =>
    producer.send({ topic: input, messages: words.map((value) => ({ key: value, value })) })

  it('a start that is closed takes the process out of the group, though an earlier life of it was killed', async () => {
    const id = uniqueName('closed')
    const directory = await mkdtemp(join(tmpdir(), 'closed-'))
    const topics = { CALLS_INPUT: input, CALLS_OUTPUT: input }
    const program = join(import.meta.dirname, '../../chaos/calls/instance.ts')
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
      env: { ...process.env, ...topics, CALLS_BROKERS: bootstrap, CALLS_APPLICATION: id, CALLS_STATE_DIR: directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'whole' })
    expect((await kafka.admin().describeGroup(id))?.members).toHaveLength(1)

    const streams = new KafkaStreams(
      countWords(() => undefined),
      { ...quiet, brokers: bootstrap, applicationId: id, stateDir: directory },
    )
    const started = streams.start().catch((error: unknown) => error)
    await streams.close()
    expect(await started).toMatchObject({ code: 'ILLEGAL_STATE' })
    expect((await kafka.admin().describeGroup(id))?.members).toEqual([])
    await kafka.close()
  })

  it('runs a topology of closures in this thread, and tells each change of its state once', async () => {
    const words: string[] = []
    const { logger, lines } = loggedLines()
    const streams = new KafkaStreams(
      countWords((word) => words.push(word)),
      { applicationId, brokers: bootstrap, stateDir, logger },
    )
    const states: string[] = []
    streams.setStateListener((to) => states.push(to))
    expect(streams.state()).toBe('CREATED')
    await expect(streams.store('counts').get('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await streams.start()
    await vi.waitFor(() => expect(streams.state()).toBe('RUNNING'), 30_000)
    await expect(streams.start()).rejects.toMatchObject({ code: 'ILLEGAL_STATE' })
    expect(() => streams.setStateListener(null)).toThrow('setStateListener() comes before the start, state is RUNNING')
    await expect(streams.cleanUp()).rejects.toMatchObject({ code: 'ILLEGAL_STATE' })

    await send('a', 'b', 'a')
    const counts = streams.store<string, { value: number }>('counts')
    await vi.waitFor(async () => expect((await counts.get('a')).result?.value).toBe(2), 30_000)
    const [thread] = await streams.metadataForLocalThreads()
    expect(thread?.activeTasks.map(({ taskId }) => taskId)).toEqual(['0_0', '0_1', '1_0', '1_1'])

    await streams.pause()
    expect(streams.isPaused()).toBe(true)
    await send('c')
    await vi.waitFor(async () => expect(await behind(streams)).toBe(1), 30_000)
    expect(words).not.toContain('c')
    await streams.resume()
    await vi.waitFor(async () => expect((await counts.get('c')).result?.value).toBe(1), 30_000)
    expect(words.toSorted()).toEqual(['a', 'a', 'b', 'c'])

    await streams.close({ timeoutMs: 20_000 })
    expect(await streams.stopped).toBeNull()
    const told = states.filter((state, at) => state !== states[at - 1])
    expect(states, 'none twice').toEqual(told)
    expect([states[0], ...states.slice(-2)]).toEqual(['REBALANCING', 'PENDING_SHUTDOWN', 'NOT_RUNNING'])
    const logged = lines.filter(({ msg }) => msg === 'state changed').map(({ to }) => to)
    expect(logged).toEqual(states)
  })

  it('restores what cleanUp() has removed', async () => {
    const streams = new KafkaStreams(
      countWords(() => undefined),
      { ...quiet, brokers: bootstrap, stateDir },
    )
    await streams.cleanUp()
    let restored = 0
    streams.setGlobalStateRestoreListener(({ type, total }) => {
      if (type === 'end') restored += total
    })
    await streams.start()
    const counts = streams.store<string, { value: number }>('counts')
    await vi.waitFor(async () => expect((await counts.get('a')).result?.value).toBe(2), 30_000)
    expect(restored).toBeGreaterThan(0)
    await streams.close()
  })

  it('two instances read what a pattern matches: a topic that comes later on both, and none that is gone', async () => {
    const id = uniqueName('pattern')
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'pattern' })
    const create = (name: string, partitions: number) =>
      kafka.admin().createTopics([{ name: `${id}-${name}`, partitions, config: {} }])
    await create('in-one', 1)
    await create('out', 1)
    const start = async (): Promise<KafkaStreams> => {
      const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
      builder.stream<string, string>(new RegExp(`${id}-in-.*`)).to(`${id}-out`)
      const directory = await mkdtemp(join(tmpdir(), 'pattern-'))
      const streams = new KafkaStreams(builder.build(), {
        applicationId: id,
        brokers: bootstrap,
        stateDir: directory,
        logLevel: 'silent',
      })
      streams.setStateListener((to) => states.add(to))
      await streams.start()
      return streams
    }
    const states = new Set<string>()
    const both = [await start(), await start()]
    /** Topics of each task, and how many tasks each instance has. */
    const settled = async (tasks: object, shares: readonly number[]): Promise<void> =>
      await vi.waitFor(
        async () => {
          const owned = await Promise.all(both.map((streams) => streams.tasks()))
          const topics = owned.flat().map(({ taskId, partitions }) => [taskId, partitions.map(({ topic }) => topic)])
          expect(Object.fromEntries(topics)).toEqual(tasks)
          expect(owned.map(({ length }) => length).toSorted()).toEqual(shares)
          expect(both.map((streams) => streams.state())).toEqual(['RUNNING', 'RUNNING'])
        },
        { timeout: 60_000, interval: 50 },
      )
    const send = (topic: string, ...values: readonly string[]) =>
      producer.send({
        topic: `${id}-${topic}`,
        messages: values.map((value, partition) => ({ partition, value })),
      })
    await send('in-one', 'first')
    await settled({ '0_0': [`${id}-in-one`] }, [0, 1])

    await create('in-two', 2)
    await send('in-two', 'second 0', 'second 1')
    await settled({ '0_0': [`${id}-in-one`, `${id}-in-two`], '0_1': [`${id}-in-two`] }, [1, 1])
    const written = async () => {
      const [records] = await readTopic(kafka, `${id}-out`)
      return records?.map(({ value }) => text(value)).toSorted()
    }
    const writes = (all: readonly string[]) =>
      vi.waitFor(async () => expect(await written()).toEqual(all), { timeout: 30_000, interval: 100 })
    // A record that is processed and not committed goes with its topic.
    await writes(['first', 'second 0', 'second 1'])

    const admin = kafkajs(bootstrap).admin()
    await admin.deleteTopics({ topics: [`${id}-in-two`] })
    await admin.disconnect()
    await settled({ '0_0': [`${id}-in-one`] }, [0, 1])
    await send('in-one', 'third')
    const all = ['first', 'second 0', 'second 1', 'third']
    await writes(all)

    await Promise.all(both.map((streams) => streams.close()))
    expect(await Promise.all(both.map(({ stopped }) => stopped))).toEqual([null, null])
    expect(await written()).toEqual(all)
    expect(states).toEqual(new Set(['REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING']))
    await kafka.close()
  })

  it('a close that comes while the instance is made anew for other topics is a close', async () => {
    const id = uniqueName('closed')
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'closed' })
    const create = (name: string) => kafka.admin().createTopics([{ name: `${id}-${name}`, partitions: 1, config: {} }])
    await create('in-one')
    await create('out')
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    builder.stream<string, string>(new RegExp(`${id}-in-.*`)).to(`${id}-out`)
    const streams = new KafkaStreams(builder.build(), {
      applicationId: id,
      brokers: bootstrap,
      stateDir: await mkdtemp(join(tmpdir(), 'closed-')),
      logLevel: 'silent',
    })
    const closed = new Promise<void>((resolve) => {
      streams.setStateListener((to, from) => {
        if (from === 'RUNNING' && to === 'REBALANCING') resolve(streams.close())
        if (from === 'REBALANCING' && to === 'RUNNING') void create('in-two')
      })
    })
    await streams.start()
    await closed
    expect(await streams.stopped).toBeNull()
    expect(streams.state()).toBe('NOT_RUNNING')
    expect((await kafka.admin().describeGroup(id))?.members ?? []).toEqual([])
    await kafka.close()
  })

  it('a topic that is missing fails the start, and the state is ERROR', async () => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    builder.stream(`${applicationId}-missing`).to(input)
    const streams = new KafkaStreams(builder.build(), { ...quiet, brokers: bootstrap, stateDir })
    await expect(streams.start()).rejects.toMatchObject({ code: 'MISSING_TOPIC' })
    expect(streams.state()).toBe('ERROR')
    expect(await streams.stopped).toMatchObject({ code: 'MISSING_TOPIC' })
  })

  it('listeners of states that throw are lines of log, and start, state, close and stopped are as without them', async () => {
    const { logger, lines } = loggedLines()
    const streams = new KafkaStreams(
      countWords(() => undefined),
      { ...quiet, applicationId: uniqueName('listener'), brokers: bootstrap, stateDir, logger },
    )
    const states: string[] = []
    streams.setStateListener((to) => {
      states.push(to)
      throw new Error('a fault of the listener')
    })
    await streams.start()
    await vi.waitFor(() => expect(streams.state()).toBe('RUNNING'), 30_000)
    await streams.close()
    expect([streams.state(), await streams.stopped]).toEqual(['NOT_RUNNING', null])
    expect(states.slice(-2)).toEqual(['PENDING_SHUTDOWN', 'NOT_RUNNING'])
    const told = lines.filter(({ msg }) => msg === 'a listener or handler of the program failed')
    expect(told).toHaveLength(states.length)
    expect(told[0]).toMatchObject({ level: 'error' })
    await expect(streams.store('counts').get('a')).rejects.toThrow('the streams do not run, state is NOT_RUNNING')
    await expect(streams.start()).rejects.toThrow(
      'start() is called once, state is NOT_RUNNING: make a new KafkaStreams to start again',
    )
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('a fault of the handler')
      },
    ],
    ['answers nothing known', () => 'later' as never],
  ])(
    'a handler of uncaught exceptions that %s is a line of log, and the instance stops with the first error',
    async (_what, handler) => {
      const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
      const init = () => {
        throw new Error('no such table')
      }
      builder.stream(input).process(() => ({ init, process: () => undefined }), { name: 'odd' })
      const { logger, lines } = loggedLines()
      const config = { ...quiet, applicationId: uniqueName('handler'), brokers: bootstrap, stateDir, logger }
      const streams = new KafkaStreams(builder.build(), config)
      streams.setUncaughtExceptionHandler(handler)
      await streams.start()
      expect(await streams.stopped).toMatchObject({
        code: 'USER_CODE',
        message: expect.stringMatching(/^task 0_[01]: init\(\) of odd failed: no such table$/),
        cause: { message: 'no such table' },
      })
      const errors = lines.filter(({ level }) => level === 'error')
      expect(errors).toMatchObject([
        { msg: 'a listener or handler of the program failed' },
        {
          msg: 'stopped by an error',
          err: { message: expect.stringContaining('init() of odd failed: no such table'), code: 'USER_CODE' },
        },
      ])
      await streams.close()
      expect(streams.state()).toBe('ERROR')
    },
  )

  it('keeps the rows of each store where the store says: on disk, in memory, in a backend of its own', async () => {
    const id = uniqueName('backends')
    const opened: string[] = []
    const own: OpenBackends = (directory) => {
      const backends = levelBackends(directory)
      return {
        open: (taskId, store, options) => {
          opened.push(join(directory, taskId, store))
          return backends.open(taskId, store, options)
        },
        destroy: (taskId, store) => backends.destroy(taskId, store),
      }
    }
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
    const words = builder.stream<string, string>(input).groupByKey()
    for (const [name, backend] of [
      ['on-disk', undefined],
      ['in-memory', 'memory'],
      ['in-own', own],
    ] as const)
      words.count({ materialized: { name, backend } })
    const streams = new KafkaStreams(builder.build(), { ...quiet, applicationId: id, brokers: [bootstrap], stateDir })
    await streams.start()
    await send('three')
    const counted = (store: string) => async () =>
      (await streams.get<{ value: number }>(store, 'three').catch(() => null))?.result?.value ?? 0
    for (const store of ['on-disk', 'in-memory', 'in-own']) await expect.poll(counted(store)).toBeGreaterThan(0)
    await streams.close()
    const directory = join(stateDir, id)
    expect(
      [...new Set(await Promise.all(['0_0', '0_1'].map((task) => readdir(join(directory, task)))))].flat(),
    ).toEqual(['in-own', 'on-disk', 'in-own', 'on-disk'])
    expect(opened.sort()).toEqual(['0_0', '0_1'].map((task) => join(directory, task, 'in-own')))

    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'verify' })
    const plan = streams.plan() as Plan
    const sides = { admin: kafka.admin(), reader: () => kafka.reader() }
    const { stores, total } = await verifyLocalStores({ plan, stateDir, ...sides, limit: 0 })
    await kafka.close()
    expect([total, stores.map(({ taskId, store }) => `${taskId} ${store}`).sort()]).toEqual([
      0,
      ['0_0 in-own', '0_0 on-disk', '0_1 in-own', '0_1 on-disk'],
    ])
    // Not only the files were found: the backend of its own has opened them again.
    expect(opened).toHaveLength(4)
  })
})

describe('KafkaStreams refuses at once', () => {
  const topology = countWords(() => undefined)
  const make = (given: unknown, config: unknown = quiet) => new KafkaStreams(given as Topology, config as typeof quiet)

  it.each([
    ['a setting that does not exist', { comitIntervalMs: 5 }, 'did you mean commitIntervalMs?'],
    ['a bad value', { commitIntervalMs: 0 }, 'commitIntervalMs: 0 is not accepted'],
    ['no application id', { applicationId: undefined }, 'applicationId: is not set'],
    ['no brokers', { brokers: undefined }, 'brokers: is not set'],
    ['a listener that is none', { onRecovered: 5 }, 'onRecovered: a number is not accepted, expected a function'],
    ['a logger that is none', { logger: {} }, 'logger: the value given is not accepted'],
    ['closures in two threads', { numStreamThreads: 2 }, 'numStreamThreads: 2 threads need the URL of a module'],
  ])('%s', (_what, wrong, message) => {
    expect(() => make(topology, { ...quiet, ...wrong })).toThrow(message)
  })

  it('a token provider that would have to cross threads', () => {
    const sasl = { mechanism: 'OAUTHBEARER', tokenProvider: () => 'token' }
    expect(() => make(new URL('file:///topology.js'), { ...quiet, sasl })).toThrow('sasl.tokenProvider: a function')
  })

  it('an exception handler that would have to cross threads, which the module may export', () => {
    const handler = { processingExceptionHandler: () => 'continue' }
    expect(() => make(new URL('file:///topology.js'), { ...quiet, ...handler })).toThrow(
      'processingExceptionHandler: a function does not cross threads, export it from the module in exceptionHandlers',
    )
    expect(() => make(topology, { ...quiet, ...handler })).not.toThrow()
  })

  it('what is no topology, or one that reads nothing', () => {
    for (const none of [{ nodes: [] }, null, undefined]) {
      expect(() => make(none)).toThrow('the topology must be a Topology')
    }
    expect(() => make(new StreamsBuilder().build())).toThrow('the topology reads no topic')
  })

  it('what is no configuration', () => {
    for (const none of [null, 'orders']) {
      expect(() => make(topology, none)).toThrow('the configuration must be an object with applicationId and brokers')
    }
  })
})

it.each([
  ['speaks no TLS', true, undefined, /speak TLS/],
  ['says nothing', true, undefined, /no TLS connection within 5000 ms/],
  ['is closed', false, 0, /ECONNREFUSED/],
])(
  'a start at a port that %s is told within seconds, with what is tried, and can be closed (TLS: %s, taskTimeoutMs: %s)',
  async (what, tls, taskTimeoutMs, reason) => {
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined))
      if (what === 'speaks no TLS') socket.once('data', () => socket.end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const brokers = `127.0.0.1:${(server.address() as AddressInfo).port}`
    if (what === 'is closed') server.close()
    const { logger, lines } = loggedLines()
    const stateDir = await mkdtemp(join(tmpdir(), 'silent-'))
    const streams = new KafkaStreams(
      countWords(() => undefined),
      { applicationId, brokers, stateDir, logger, tls, taskTimeoutMs },
    )
    const started = streams.start().catch((error: unknown) => error)
    const message = 'no answer from the brokers yet: still trying'
    const line = await vi.waitFor(() => {
      const found = lines.find(({ msg, error }) => msg === message && error !== undefined)
      if (found === undefined) throw new Error('no line yet')
      return found
    }, 20_000)
    expect(line).toMatchObject({ level: 'warn', brokers: [brokers], tls, error: expect.stringMatching(reason) })
    await streams.close()
    expect(await started).toMatchObject({
      code: 'ILLEGAL_STATE',
      message: 'close() was called before the start was over',
      cause: expect.any(Error),
    })
    expect([streams.state(), await streams.stopped]).toEqual(['NOT_RUNNING', null])
    for (const socket of sockets) socket.destroy()
    server.close()
  },
)

it('a start that fails leaves no thread that loads', async () => {
  const topology = new URL('../../chaos/calls/topology.ts', import.meta.url)
  // A worker has ports; timers of other tests may come and go.
  const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort')
  const before = ports()
  const streams = new KafkaStreams(topology, { ...quiet, stateDir: import.meta.filename })
  await expect(streams.start()).rejects.toThrow(import.meta.filename)
  expect(ports()).toEqual(before)
})

it.each(['says nothing', 'is closed'])('a start at a port that %s is over after taskTimeoutMs', async (what) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const brokers = `127.0.0.1:${(server.address() as AddressInfo).port}`
  if (what === 'is closed') server.close()
  const stateDir = await mkdtemp(join(tmpdir(), 'timeout-'))
  const streams = new KafkaStreams(
    countWords(() => undefined),
    { ...quiet, brokers, stateDir, taskTimeoutMs: 500 },
  )
  const begin = performance.now()
  await expect(streams.start()).rejects.toMatchObject({
    code: 'TASK_TIMEOUT',
    message: expect.stringMatching(
      new RegExp(
        `^the start with brokers ${brokers} made no progress for 500 ms \\(taskTimeoutMs\\): .*(ECONNREFUSED|answer)`,
      ),
    ),
  })
  expect(performance.now() - begin).toBeLessThan(10_000)
  expect([streams.state(), await streams.stopped]).toEqual(['ERROR', expect.any(Error)])
  server.close()
})

it('KafkaStreams that were never started close at once', async () => {
  const streams = new KafkaStreams(
    countWords(() => undefined),
    quiet,
  )
  await streams.close()
  expect(streams.state()).toBe('NOT_RUNNING')
  expect(await streams.stopped).toBeNull()
})
