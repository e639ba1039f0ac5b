import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import { KafkaStreams } from '../../../infra/streams/index.ts'
import { WorkerThread } from '../../../infra/streams/worker-thread.ts'
import { StreamsBuilder, serdes } from '../../../topology/index.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { readTopic, text } from '../../support/kafka-log.ts'
import { kafkajs, kafkajsProducer } from '../../support/kafkajs.ts'

const applicationId = uniqueName('threads')
const PARTITIONS = 4
const WORDS = Array.from({ length: 20 }, (_, index) => `word-${index}`)

let bootstrap: string
let kafka: KafkaCluster

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'threads' })
  const names = ['words', 'counts'].map((name) => `${applicationId}-${name}`)
  await kafka.admin().createTopics(names.map((name) => ({ name, partitions: PARTITIONS, config: {} })))
})
afterAll(() => kafka?.close())

it('words are counted exactly while threads are added and removed under load', async () => {
  const streams = new KafkaStreams(new URL('../../support/word-count.ts', import.meta.url), {
    applicationId,
    brokers: bootstrap,
    stateDir: await mkdtemp(join(tmpdir(), 'threads-')),
    statestoreCacheMaxBytes: 6_000_000,
    memoryLimitBytes: 4 * 1024 ** 3,
    logLevel: 'silent',
  })
  const budgets = vi.spyOn(WorkerThread.prototype, 'setBudget')
  expect(await streams.addStreamThread()).toBeNull()
  await streams.start()

  const producer = await kafkajsProducer(kafkajs(bootstrap))
  let isChanging = true
  let rounds = 0
  const load = async (): Promise<void> => {
    for (; isChanging; rounds++) {
      await producer.send({ topic: `${applicationId}-words`, messages: WORDS.map((key) => ({ key, value: key })) })
    }
  }
  const loading = load()
  const threads: string[][] = []
  const changes = ['add', 'add', 'remove', 'remove', 'add'] as const
  for (const change of changes) {
    const name = await (change === 'add' ? streams.addStreamThread() : streams.removeStreamThread())
    expect(name, change).toMatch(/^stream-thread-[12]$/)
    const before = rounds
    await vi.waitFor(() => expect(rounds).toBeGreaterThan(before), 30_000)
    threads.push((await streams.metadataForLocalThreads()).map((thread) => thread.name))
  }
  isChanging = false
  await loading
  await producer.disconnect()
  const lengths = threads.map(({ length }) => length)
  expect(lengths).toEqual([2, 3, 2, 1, 2])
  const told = budgets.mock.calls.map(([{ cacheMaxBytes, writeBehindMaxBytes }]) => [
    cacheMaxBytes,
    writeBehindMaxBytes,
  ])
  expect(told).toEqual(lengths.flatMap((n) => Array.from({ length: n }, () => [6_000_000 / n, (48 * 1024 * 1024) / n])))

  const counts = streams.store<string, { value: number }>('counts')
  await vi.waitFor(async () => {
    for (const word of WORDS) expect((await counts.get(word)).result?.value).toBe(rounds)
  }, 60_000)
  const tasks = (await streams.metadataForLocalThreads()).map(({ activeTasks }) => activeTasks.length)
  expect(tasks).toEqual([2, 2])
  await streams.close()
  expect(await streams.stopped).toBeNull()
  expect(await streams.removeStreamThread()).toBeNull()

  const written = new Map<string, number[]>(WORDS.map((word) => [word, []]))
  for (const { key, value } of (await readTopic(kafka, `${applicationId}-counts`)).flat()) {
    written.get(text(key) ?? '')?.push(Number(text(value)))
  }
  const expected = Array.from({ length: rounds }, (_, index) => index + 1)
  for (const word of WORDS) expect(written.get(word), word).toEqual(expected)
})

it('a topology of closures says that further threads need a module, and keeps its only thread', async () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder.stream(`${applicationId}-words`).to(`${applicationId}-counts`)
  const streams = new KafkaStreams(builder.build(), { applicationId, brokers: [bootstrap], logLevel: 'silent' })
  await expect(streams.addStreamThread()).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('threads need the URL of a module that exports the topology'),
  })
  expect(await streams.removeStreamThread()).toBeNull()
})
