import { afterEach, expect, it, vi } from 'vitest'
import { type SimulateOptions, SimulationError, simulate } from '../../../exports/testing.ts'
import { tableTopics } from '../../../runtime/simulation/table-topics.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'
import {
  StreamsBuilder,
  serdes,
  sessionWindows,
  type Topology,
  timeWindows,
  type WindowStore,
  windowStore,
} from '../../../topology/index.ts'

const { string, int64 } = serdes

afterEach(() => vi.unstubAllEnvs())

/** Counts each word. */
function counting(caching: boolean): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  builder
    .stream<string, string>('words')
    .groupBy((_key, word) => word)
    .count({ materialized: { name: 'counts', caching } })
    .toStream()
    .to('word-counts', { valueSerde: int64 })
  return builder.build()
}

/** Numbers the records of each process. */
function numbering(): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  let number = 0
  builder
    .stream<string, string>('words')
    .mapValues((word) => `${word} ${++number}`)
    .to('numbered')
  return builder.build()
}

const words = Array.from({ length: 30 }, (_, i) => ({ topic: 'words', key: `k${i % 4}`, value: `word-${i % 7}` }))

async function failure(topology: Parameters<typeof simulate>[0], options: SimulateOptions): Promise<SimulationError> {
  const error: unknown = await simulate(topology, options).then(
    () => expect.unreachable('the simulation found nothing'),
    (found) => found,
  )
  expect(error).toBeInstanceOf(SimulationError)
  return error as SimulationError
}

it('comes to rest with several zombies in one run, one after the other', async () => {
  const faults = { zombies: 4, crashes: 0, abortedTransactions: 0 }
  const { zombies } = await simulate(counting(true), { input: words, seeds: 40, faults, maxSteps: 20_000 })
  expect(zombies).toBeGreaterThan(40)
})

it.each([true, false])('counts through a repartition topic are those of the driver, caching %s', async (caching) => {
  const { seeds, crashes, zombies, rebalances } = await simulate(counting(caching), { input: words, seeds: 20 })
  expect(seeds).toBe(20)
  expect(crashes).toBeGreaterThan(10)
  expect(zombies).toBeGreaterThan(2)
  expect(rebalances).toBeGreaterThan(5)
})

it('the same seed gives the same message: differences, story and command', async () => {
  const first = await failure(numbering, { input: words, partitions: 1 })
  const second = await failure(numbering, { input: words, partitions: 1, seeds: [first.seed] })
  expect(second.message).toBe(first.message)
  expect(first.differences[0]).toMatch(/^topic numbered, key 'k\d': expected 'word-0 1', .*, found /)
  expect(first.story[0]).toBe('step 0, 0.000 s: instance-1 starts')
  expect(first.story.some((line) => line.includes('instance-1/0 commits words:0 up to '))).toBe(true)
  expect(first.message).toContain('Without faults the same input gives the right result.')
  expect(first.message).not.toContain('another way')
  expect(first.message.split('\n').at(-1)).toBe(`To run this seed alone: ${first.replay}`)
  expect(first.replay).toBe(`SIMULATE_SEED=${first.seed} npx vitest run test/runtime/simulation/simulate.test.ts`)
})

it('SIMULATE_SEED runs that seed alone', async () => {
  vi.stubEnv('SIMULATE_SEED', '7')
  expect((await failure(numbering, { input: words, partitions: 1, faults: { crashes: 50 } })).seed).toBe(7)
  expect((await simulate(counting(true), { input: words, seeds: 50 })).seeds).toBe(1)
  vi.stubEnv('SIMULATE_SEED', 'seven')
  await expect(simulate(counting(true), { input: words })).rejects.toThrow('SIMULATE_SEED must be a whole number')
})

it('says that an input fails without faults as well', async () => {
  const { message, seed } = await failure(numbering, { input: words, partitions: 2, faults: { crashes: 0 } })
  expect(seed).toBe(1)
  expect(message).toContain('The same input fails without faults, too')
})

it('says that a topology does not repeat its runs', async () => {
  let number = 0
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  builder
    .stream<string, string>('words')
    .mapValues((word) => `${word} ${++number}`)
    .to('numbered')
  const { message } = await failure(builder.build(), { input: words })
  expect(message).toContain("'word-0 1'")
  expect(message).toContain('A second run of this seed went another way')
})

it('a check that throws, or returns what is wrong, fails the seed; it sees outputs and stores', async () => {
  const thrown = await failure(counting(true), {
    input: words,
    check: (outputs, stores) => {
      const last = new Map(outputs.records<string, number>('word-counts').map(({ key, value }) => [key, value]))
      expect(last.get('word-0')).toBe(5)
      const rows = new Map(stores.rows<string, { value: number }>('counts'))
      expect([...rows.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `word-${i}`))
      expect(rows.get('word-6')?.value).toBe(4)
      throw new Error('seen')
    },
  })
  expect(thrown.differences).toEqual(['seen'])
  const returned = await failure(counting(true), { input: words, check: () => ['first', 'second'] })
  expect(returned.differences).toEqual(['first', 'second'])
})

it('a function of the topology that throws fails the seed with its error', async () => {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  builder
    .stream<string, string>('words')
    .mapValues((word) => {
      if (word === 'word-3') throw new Error('no threes')
      return word
    })
    .to('out')
  const { differences } = await failure(builder.build(), { input: words, check: () => [] })
  expect(differences).toHaveLength(1)
  expect(differences[0]).toContain('no threes')
})

it('at_least_once loses nothing, and needs a check', async () => {
  const config = { processingGuarantee: 'at_least_once' } as const
  await expect(simulate(counting(true), { input: words, config })).rejects.toThrow(StreamsConfigError)
  const { zombies } = await simulate(counting(true), {
    ...{ input: words, config, seeds: 20 },
    check: (outputs) => {
      const last = new Map(outputs.records<string, number>('word-counts').map(({ key, value }) => [key, value]))
      const short = [...last].filter(([, count]) => Number(count) < 4)
      return last.size === 7 ? short.map(([word]) => `${word} is lost`) : ['a word is missing']
    },
  })
  expect(zombies).toBe(0)
})

it('faults that are 0 do not happen', async () => {
  const faults = { crashes: 0, zombies: 0, rebalances: 0, lostMessages: 0, abortedTransactions: 0 }
  const report = await simulate(counting(true), { input: words, seeds: 5, faults })
  expect(report).toMatchObject({ seeds: 5, crashes: 0, zombies: 0, rebalances: 0 })
})

it('refuses input for a topic that the topology does not read, and no seeds', async () => {
  await expect(simulate(counting(true), { input: [{ topic: 'wrods' }] })).rejects.toThrow(
    'the topology does not read topic wrods of the input; it reads words',
  )
  await expect(simulate(counting(true), { input: words, seeds: 0 })).rejects.toThrow('seeds must be')
})

it('tables are the topics behind caching stores, through repartition topics too', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  const words = builder.stream<string, string>('words')
  words.to('copies')
  words
    .groupByKey()
    .count({ materialized: { name: 'counts' } })
    .toStream()
    .mapValues(String)
    .selectKey((_key, count) => count)
    .repartition({ name: 'by-count' })
    .to('counted')
  const plan = builder.build().build({ applicationId: 'app' })
  const external = [...tableTopics(plan)].filter((topic) => !topic.startsWith('app-'))
  expect(external).toEqual(['counted'])
})

const DAY = 86_400_000
const HOUR = DAY / 24

/** Ten hours of words. The windows of the first hours have expired at the end. */
const hours = Array.from({ length: 40 }, (_, i) => ({
  ...{ topic: 'words', key: `k${i % 4}`, value: `word-${i % 3}` },
  timestamp: 20_000 * DAY + i * (HOUR / 4),
}))

it('rows of windows and sessions are those of the driver, as far as no task can have let them go', async () => {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  const words = builder.stream<string, string>('words').groupByKey()
  words
    .windowedBy(timeWindows({ sizeMs: HOUR, graceMs: HOUR }))
    .count({ materialized: { name: 'by-hour', retentionMs: 4 * HOUR } })
  words
    .windowedBySession(sessionWindows({ inactivityGapMs: HOUR / 2, graceMs: HOUR }))
    .count({ materialized: { name: 'visits', retentionMs: 4 * HOUR } })
  const { crashes } = await simulate(builder.build(), { input: hours, seeds: 15 })
  expect(crashes).toBeGreaterThan(5)
})

/** Counts per hour, and keeps the counts in a closure as well. */
function countingInClosure(): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: string, defaultValueSerde: string })
  const counts = new Map<string, number>()
  const store = windowStore({
    name: 'by-hour',
    keySerde: string,
    valueSerde: serdes.int64,
    windowSizeMs: HOUR,
    retentionMs: DAY,
  })
  builder.stream<string, string>('words').process(
    () => {
      let rows: WindowStore<string, number>
      return {
        init(context) {
          rows = context.store('by-hour')
        },
        process({ key, timestamp }) {
          const start = timestamp - (timestamp % HOUR)
          const count = (counts.get(`${key} ${start}`) ?? 0) + 1
          counts.set(`${key} ${start}`, count)
          rows.put(key, count, start)
        },
      }
    },
    { name: 'count', stores: [store] },
  )
  return builder.build()
}

it('finds a wrong row of a window store', async () => {
  const { differences } = await failure(countingInClosure, { input: hours, partitions: 1 })
  expect(differences[0]).toMatch(/^store by-hour, key .*'k\d'.*: expected 1n?, found/)
})
