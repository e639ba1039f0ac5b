import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Message, Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { KafkaStreams } from '../../../infra/streams/kafka-streams.ts'
import type { KeyOptions, RowsAnswer, StreamsInstance } from '../../../runtime/ports/instance.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { int64Serde } from '../../../topology/serdes.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { kafkajs, kafkajsProducer } from '../../support/kafkajs.ts'
import { byLastLetter, MINUTE, PARTITIONS, TOPICS } from '../../support/queried-stores.ts'

/*
 * Two instances with two stream threads each, over topics of three partitions on a real broker: what a question answers does not
 * depend on where the rows are.
 */

const KEYS = ['anna', 'bo', 'clem', 'di', 'eve', 'finn', 'gus', 'hal', 'ivo', 'jo', 'kim', 'lea']
const NUMBERS = KEYS.map((_, i) => i - 3)
const BLOBS = KEYS.map((_, i) => Buffer.from([i * 20, 0xff, 0x00, 0xc3]))
/** Recent, so that no broker finds the changelogs' records too old. */
const T = Math.floor(Date.now() / MINUTE) * MINUTE - 30 * MINUTE
const STARTS = [T, T + MINUTE, T + 2 * MINUTE]
const FAR = '127.0.0.1:9'

const applicationId = uniqueName('queried')
const instances: StreamsInstance[] = []
const directories: string[] = []
let producer: Producer

const topic = (name: (typeof TOPICS)[number]): string => `${applicationId}-in-${name}`
const send = (name: (typeof TOPICS)[number], messages: Message[]) => producer.send({ topic: topic(name), messages })
const at = (key: string | Buffer, time: number, value: string | Buffer = 'x'): Message => ({
  key,
  value,
  timestamp: String(time),
})

async function start(): Promise<StreamsInstance> {
  const { bootstrap } = await kafkaForTests()
  const directory = await mkdtemp(join(tmpdir(), 'queried-'))
  directories.push(directory)
  const instance = new KafkaStreams(new URL('../../support/queried-stores.ts', import.meta.url), {
    applicationId,
    brokers: bootstrap,
    applicationServer: FAR,
    stateDir: directory,
    numStreamThreads: 2,
    logLevel: 'error',
  })
  await instance.start()
  instances.push(instance)
  return instance
}

/** Rows by store where both have tasks and have read everything; else null. */
async function whenSettled(): Promise<Record<string, number> | null> {
  const tasks = await Promise.all(instances.map((instance) => instance.tasks()))
  const isDone = tasks.flat().every(({ state, partitions }) => {
    return state === 'running' && partitions.every(({ position, endOffset }) => position === endOffset)
  })
  if (!isDone || tasks.some((own) => own.length < 3)) return null
  const counts = Object.keys(ROWS).map(async (store) => [store, (await everywhere(store)).length] as const)
  return Object.fromEntries(await Promise.all(counts))
}

const ROWS = {
  'by-minute': 36,
  visits: 36,
  'ids-by-minute': 24,
  prices: 12,
  blobs: 12,
  told: 12,
  untold: 12,
  'by-letter': 12,
}
/** All rows of both instances, each instance's in its order. */
async function everywhere(store: string): Promise<ReadonlyArray<readonly [unknown, unknown]>> {
  return (await Promise.all(instances.map((instance) => instance.scan(store)))).flatMap(({ result }) => result)
}

/** Whoever runs the key's task, by what both say of it. */
function ownerOf(store: string, key: unknown, options: Pick<KeyOptions, 'partitioner'> = {}): StreamsInstance {
  const owner = instances.find((one) => one.queryMetadataForKey(store, key, options).active?.isLocal === true)
  if (owner === undefined) throw new Error(`nobody has ${String(key)}`)
  return owner
}

/** All pages of three rows. */
async function inPages<R>(page: (cursor: string | undefined) => Promise<RowsAnswer<R>>): Promise<R[]> {
  const rows: R[] = []
  let cursor: string | null | undefined
  do {
    const answer: RowsAnswer<R> = await page(cursor ?? undefined)
    expect(answer.result.length).toBeLessThanOrEqual(3)
    rows.push(...answer.result)
    cursor = answer.nextCursor
  } while (cursor !== null)
  return rows
}

beforeAll(async () => {
  const { bootstrap } = await kafkaForTests()
  const kafka = kafkajs(bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  await admin.createTopics({
    topics: TOPICS.map((name) => ({ topic: topic(name), numPartitions: PARTITIONS, configEntries })),
  })
  await admin.disconnect()
  producer = await kafkajsProducer(kafka)
  await Promise.all([start(), start()])
  for (const time of STARTS) {
    await send(
      'words',
      KEYS.map((key) => at(key, time)),
    )
  }
  for (const time of STARTS.slice(0, 2)) {
    await send(
      'ids',
      NUMBERS.map((number) => at(int64Serde.serialize('', number) as Buffer, time)),
    )
  }
  for (const [i, time] of STARTS.entries())
    await send(
      'prices',
      KEYS.map((key) => at(key, time, `${key} ${i}`)),
    )
  await send(
    'blobs',
    BLOBS.map((blob, i) => at(blob, T, Buffer.from([0xff, i]))),
  )
  const partitioned = KEYS.map((key) => ({
    ...at(key, T, `of ${key}`),
    partition: byLastLetter('', key, null, PARTITIONS),
  }))
  await send('told', partitioned)
  await send('untold', partitioned)
  await send(
    'tagged',
    KEYS.map((key) => at(key, T)),
  )
  await vi.waitFor(async () => expect(await whenSettled()).toEqual(ROWS), { timeout: 60_000, interval: 100 })
})

afterAll(async () => {
  await producer?.disconnect()
  await Promise.all(instances.map((instance) => instance.close()))
  for (const directory of directories) await rm(directory, { recursive: true, force: true })
})

it('metrics() names each series once, however many threads have it', async () => {
  const families = (await instances[0]?.metrics()) ?? []
  const names = families.map(({ name }) => name)
  expect(names).toContain('commits_total')
  expect(names).toEqual([...new Set(names)])
  for (const { name, samples, histograms } of families) {
    const labels = [...samples, ...histograms].map((sample) => JSON.stringify(sample.labels))
    expect([name, labels]).toEqual([name, [...new Set(labels)]])
  }
})

describe('window stores', () => {
  it('answer every key from the instance that has its rows', async () => {
    for (const key of KEYS) {
      const windowed = { key, window: { start: T + MINUTE, end: T + 2 * MINUTE } }
      const [one] = instances.map((instance) => instance.queryMetadataForKey('by-minute', key).partition)
      const [two] = instances.map((instance) => instance.queryMetadataForKey('by-minute', windowed).partition)
      expect([one, two]).toEqual(Array(2).fill(partitionForKey(key, PARTITIONS)))
      const owner = ownerOf('by-minute', key)
      const rows = await owner.fetch<{ value: number }>('by-minute', key, T + MINUTE, T + 5 * MINUTE)
      expect(rows.result.map(([start, { value }]) => [start, value])).toEqual([
        [T + MINUTE, 1],
        [T + 2 * MINUTE, 1],
      ])
      expect(rows).toMatchObject({ nextCursor: null, partitions: [one], lag: 0 })
      expect((await owner.get('by-minute', windowed)).result).toEqual({ value: 1, timestamp: T + MINUTE })
    }
  })

  it('accept keys of any serde', async () => {
    for (const number of NUMBERS) {
      const rows = await ownerOf('ids-by-minute', number).fetch('ids-by-minute', number, T, T)
      expect(rows.result).toEqual([[T, { value: 1, timestamp: T }]])
    }
  })

  it('return rows by start and then key, also in pages, backwards and over instances', async () => {
    for (const instance of instances) {
      const whole = await instance.fetchAll<string>('by-minute', T, T + MINUTE)
      const own = KEYS.filter((key) => ownerOf('by-minute', key) === instance)
      expect(whole.result.map(([{ key, window }]) => [window.start, key])).toEqual(
        STARTS.slice(0, 2).flatMap((start) => own.map((key) => [start, key])),
      )
      const page = (cursor: string | undefined) => instance.fetchAll('by-minute', T, T + MINUTE, { limit: 3, cursor })
      expect(await inPages(page)).toEqual(whole.result)
      const all = await instance.scan('by-minute')
      const back = (cursor: string | undefined) => instance.scan('by-minute', { limit: 3, cursor, reverse: true })
      expect((await inPages(back)).reverse()).toEqual(all.result)
    }
    const both = await everywhere('by-minute')
    expect(new Set(both.map((row) => JSON.stringify(row))).size).toBe(36)
  })

  it('refuse an unsupported kind of question, and list what they answer', async () => {
    const [instance] = instances as [StreamsInstance]
    const wrong = [
      instance.get('by-minute', 'anna'),
      instance.range('by-minute', 'a', 'b'),
      instance.scan('by-minute', { from: { key: 'a', window: { start: T, end: T } }, limit: 3 }),
      instance.sessions('by-minute', 'anna'),
      instance.asOf('by-minute', 'anna', T),
      instance.getJson('by-minute', 'anna'),
    ]
    for (const question of wrong) {
      await expect(question).rejects.toMatchObject({
        code: 'CONFIG',
        message: expect.stringContaining('by-minute is a window store') as string,
      })
    }
    await expect(instance.fetch('by-letter', 'anna', T, T)).rejects.toThrow('by-letter is a key-value store')
    await expect(instance.fetch('by-minute', 'anna', Number.NaN, T)).rejects.toThrow('from must be a time in epoch ms')
    await expect(instance.fetch('by-minute', 7, T, T)).rejects.toMatchObject({ code: 'CONFIG' })
  })

  it('name the owner of the task when the key is on another instance', async () => {
    const owner = ownerOf('by-minute', 'anna')
    const other = instances.find((one) => one !== owner)
    await expect(other?.fetch('by-minute', 'anna', T, T)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(new RegExp(`task \\d+_\\d is run by ${FAR}$`)) as string,
    })
  })
})

it('session stores return the sessions of a key, ordered by end', async () => {
  for (const key of KEYS) {
    const owner = ownerOf('visits', key)
    const session = (time: number) => ({ key, window: { start: time, end: time } })
    expect((await owner.sessions('visits', key)).result).toEqual(STARTS.map((time) => [session(time), 1]))
    const some = await owner.sessions('visits', key, { earliestEnd: T + 1, latestStart: T + MINUTE })
    expect(some.result).toEqual([[session(T + MINUTE), 1]])
    expect((await owner.get('visits', session(T))).result).toBe(1)
  }
})

it('versioned stores answer as of a time', async () => {
  for (const key of KEYS) {
    const owner = ownerOf('prices', key)
    const { result } = await owner.asOf('prices', key, T + MINUTE + 5)
    expect(result).toEqual({ value: `${key} 1`, timestamp: T + MINUTE, validTo: T + 2 * MINUTE })
    expect((await owner.get('prices', key)).result).toMatchObject({ value: `${key} 2`, validTo: null })
    expect((await owner.asOf('prices', key, T - 1)).result).toBeNull()
  }
})

it("keys and values have the store's types after they crossed a thread", async () => {
  const sorted = [...BLOBS].sort(Buffer.compare)
  for (const [i, blob] of BLOBS.entries()) {
    const { result } = await ownerOf('blobs', blob).get<{ value: Buffer }>('blobs', blob)
    expect(result?.value).toBeInstanceOf(Buffer)
    expect(result?.value).toEqual(Buffer.from([0xff, i]))
  }
  for (const instance of instances) {
    const own = sorted.filter((blob) => ownerOf('blobs', blob) === instance)
    const keys = ({ result }: RowsAnswer<readonly [unknown, unknown]>) => result.map(([key]) => key)
    const [first, second] = own as [Buffer, Buffer]
    expect(keys(await instance.scan('blobs', { limit: 100 }))).toEqual(own)
    expect(keys(await instance.range('blobs', second, null))).toEqual(own.slice(1))
    expect(keys(await instance.scan('blobs', { to: second }))).toEqual(own.slice(0, 2))
    expect(keys(await instance.scan('blobs', { after: first, limit: 100 }))).toEqual(own.slice(1))
    const paged = await inPages((cursor) => instance.scan('blobs', { limit: 3, cursor }))
    expect(paged.map(([key]) => key)).toEqual(own)
  }
})

it('a query looks for a key where its partitioner put it', async () => {
  for (const key of KEYS) {
    expect((await ownerOf('by-letter', key).get('by-letter', key)).result).toEqual({ value: 1, timestamp: T })
    expect((await ownerOf('told', key).get('told', key)).result).toEqual({ value: `of ${key}`, timestamp: T })
    const options = { partitioner: byLastLetter }
    const { result } = await ownerOf('untold', key, options).get('untold', key, options)
    expect(result).toEqual({ value: `of ${key}`, timestamp: T })
  }
  const wrong = { partitioner: () => 3 }
  await expect(instances[0]?.get('untold', 'anna', wrong)).rejects.toThrow('chose partition 3')
})

it('a scan covers the local partitions unless it names others, and says which it covered', async () => {
  const answers = await Promise.all(instances.map((instance) => instance.scan('told')))
  const partitions = answers.map((answer) => answer.partitions)
  expect(partitions.flat().sort()).toEqual([0, 1, 2])
  expect(answers.flatMap(({ result }) => result.map(([key]) => key)).sort()).toEqual(KEYS)
  for (const [i, instance] of instances.entries()) {
    const others = partitions[1 - i] ?? []
    const error: unknown = await instance.scan('told', { partitions: [0, 1, 2] }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const named = [...String(error).matchAll(/task \d+_(\d) is run by/g)].map(([, partition]) => Number(partition))
    expect(named).toEqual(others)
  }
})

// Last, because it changes a row.
it('a watch follows a row that a partitioner placed', async () => {
  for (const key of ['anna', 'bo', 'gus']) {
    const changes: (string | null)[] = []
    const watch = await ownerOf('by-letter', key).watch('by-letter', key, ({ result }) => changes.push(result))
    expect(watch.first.result).toBe(JSON.stringify({ key, stored: { value: 1, timestamp: T } }))
    await send('tagged', [at(key, T + 1)])
    await expect.poll(() => changes).toEqual([JSON.stringify({ key, stored: { value: 2, timestamp: T + 1 } })])
    watch.close()
  }
})
