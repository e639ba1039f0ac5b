import { beforeEach, expect, it } from 'vitest'
import { EventProducer } from '../../../app/events/event-producer.ts'
import { simulate } from '../../../app/simulator/simulate.ts'
import type { RideSource } from '../../../app/simulator/simulated-event.ts'
import { syntheticRides } from '../../../app/simulator/synthetic-rides.ts'
import { scanSpans, spansOf } from '../../../infra/streams/topics/log-scan.ts'
import { EVENT_TYPES } from '../../../processors/events/schemas.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { MemoryWriter } from '../../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK as network } from '../../../runtime/memory/network.ts'
import type { Clock } from '../../../runtime/ports/clock.ts'
import { recordOf } from './read-events.ts'

/** Time passes only by sleeping. */
class SleepingClock implements Clock {
  #now = 0
  now = () => this.#now
  monotonic = () => this.#now
  yield = () => new Promise<void>((resolve) => setImmediate(resolve))
  sleep(ms: number): Promise<void> {
    this.#now += ms
    return this.yield()
  }
}

/** The producer's linger must not move the simulated time. */
const producerClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => new Promise(() => {}),
  yield: () => Promise.resolve(),
}

let cluster: MemoryCluster
let clock: SleepingClock

beforeEach(async () => {
  cluster = new MemoryCluster(network)
  clock = new SleepingClock()
  const topics = EVENT_TYPES.map((name) => ({ name, partitions: 2, config: {} }))
  await new MemoryAdmin({ cluster, network, clock, client: 'test' }).createTopics(topics)
})

function newProducer(): EventProducer {
  const writer = new MemoryWriter({ cluster, network, clock, client: 'producer', transactionalId: null })
  const partitions = new Map(EVENT_TYPES.map((type) => [type as string, 2]))
  return new EventProducer({ writer, partitions, clock: producerClock })
}

/** `topic key value` of every record in the topics, sorted. */
async function contents(): Promise<string[]> {
  const found: string[] = []
  const reader = new MemoryReader({
    cluster,
    network,
    clock,
    client: 'reader',
    isolation: 'read_committed',
    maxBatches: () => 9,
  })
  const admin = new MemoryAdmin({ cluster, network, clock, client: 'test' })
  for await (const { topic, records } of scanSpans({ reader, spans: await spansOf(admin, EVENT_TYPES) })) {
    for (const { key, value } of records) found.push(`${topic} ${key} ${value}`)
  }
  return found.sort()
}

function expected(source: RideSource): string[] {
  return [...source.events()]
    .map(({ payload }) => recordOf(payload))
    .map(({ topic, key, value }) => `${topic} ${key} ${value}`)
    .sort()
}

const source = syntheticRides({
  seed: 5,
  trips: 40,
  drivers: 10,
  pingSeconds: 30,
  mishaps: { late: 0.05, twice: 0.05, malformed: 0.05 },
})
const all = expected(source)

it('the simulator sends every event of its source once, including invalid records, and counts them', async () => {
  const end = await simulate({ source, producer: newProducer(), clock })
  expect(await contents()).toEqual(all)
  const invalid = [...source.events()].filter(({ payload }) => payload.kind === 'raw').length
  expect(end).toEqual({
    events: all.length,
    sent: all.length,
    invalid,
    rides: 40,
    at: [...source.events()].at(-1)?.releaseAt,
    finished: true,
  })
  expect(invalid).toBeGreaterThan(0)
})

it('a stopped simulation continues where it stopped: no event is missing and none is sent twice', async () => {
  const stop = new AbortController()
  const first = await simulate({
    source,
    producer: newProducer(),
    clock,
    rate: 200,
    signal: stop.signal,
    onProgress: ({ sent }) => {
      if (sent > 300) stop.abort()
    },
  })
  expect(first.finished).toBe(false)
  expect(first.events).toBeGreaterThan(300)
  expect(first.events).toBeLessThan(all.length)
  const second = await simulate({ source, producer: newProducer(), clock, from: first.events })
  expect(second).toMatchObject({ events: all.length, sent: all.length - first.events, finished: true })
  expect(await contents()).toEqual(all)
})

it('the simulator keeps the requested rate', async () => {
  const seen: Array<[seconds: number, sent: number]> = []
  await simulate({
    source,
    producer: newProducer(),
    clock,
    rate: 400,
    onProgress: ({ sent }) => void seen.push([clock.now() / 1000, sent]),
  })
  for (const [seconds, sent] of seen.slice(0, -1)) expect(Math.abs(sent - 400 * seconds)).toBeLessThanOrEqual(5)
  expect(seen.length).toBeGreaterThan(3)
})

it('the simulator releases an event when the simulated clock has reached its time', async () => {
  const firstAt = [...source.events()][0]?.releaseAt ?? 0
  const seen: Array<[simulated: number, at: number]> = []
  await simulate({
    source,
    producer: newProducer(),
    clock,
    speed: 600,
    onProgress: ({ at, finished }) => void (finished || seen.push([clock.now() * 600, (at ?? 0) - firstAt])),
  })
  expect(seen.length).toBeGreaterThan(3)
  for (const [simulated, at] of seen) {
    expect(at).toBeLessThanOrEqual(simulated)
    expect(at).toBeGreaterThan(simulated - 120_000)
  }
})
