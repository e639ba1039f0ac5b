import { beforeEach, expect, it } from 'vitest'
import { EventProducer, type EventProducerOptions, type SentEvent } from '../../../app/events/event-producer.ts'
import { simulate } from '../../../app/simulator/simulate.ts'
import { type LiveProgress, simulateLive } from '../../../app/simulator/simulate-live.ts'
import type { RideSource } from '../../../app/simulator/simulated-event.ts'
import { syntheticRides } from '../../../app/simulator/synthetic-rides.ts'
import { scanSpans, spansOf } from '../../../infra/streams/topics/log-scan.ts'
import { EVENT_TYPES, type EventEnvelope, type EventType } from '../../../processors/events/schemas.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { MemoryWriter } from '../../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK as network } from '../../../runtime/memory/network.ts'
import type { Clock } from '../../../runtime/ports/clock.ts'
import { recordOf, understood } from './read-events.ts'

/** Time passes only by sleeping. */
class SleepingClock implements Clock {
  #now = Date.UTC(2026, 0, 1)
  now = () => this.#now
  monotonic = () => this.#now
  onYield = (): void => undefined
  yield = () => {
    this.onYield()
    return this.#turn()
  }
  sleep(ms: number): Promise<void> {
    this.#now += ms
    return this.#turn()
  }
  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
  /** The computer slept for so long. */
  skip(ms: number): void {
    this.#now += ms
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

beforeEach(reset)

async function reset(): Promise<void> {
  cluster = new MemoryCluster(network)
  clock = new SleepingClock()
  const topics = EVENT_TYPES.map((name) => ({ name, partitions: 2, config: {} }))
  await new MemoryAdmin({ cluster, network, clock, client: 'test' }).createTopics(topics)
}

function producerOptions(): EventProducerOptions {
  const writer = new MemoryWriter({ cluster, network, clock, client: 'producer', transactionalId: null })
  const partitions = new Map(EVENT_TYPES.map((type) => [type as string, 2]))
  return { writer, partitions, clock: producerClock }
}

const newProducer = (): EventProducer => new EventProducer(producerOptions())

/** Notes by how much the events it sends are older than now, ms. */
class LatenessProducer extends EventProducer {
  readonly lateness: number[] = []

  override sendEnvelope(envelope: EventEnvelope): Promise<SentEvent> {
    this.lateness.push(clock.now() - Date.parse(envelope.timestamp))
    return super.sendEnvelope(envelope)
  }
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
  const begunAt = clock.now()
  await simulate({
    source,
    producer: newProducer(),
    clock,
    rate: 400,
    onProgress: ({ sent }) => void seen.push([(clock.now() - begunAt) / 1000, sent]),
  })
  for (const [seconds, sent] of seen.slice(0, -1)) expect(Math.abs(sent - 400 * seconds)).toBeLessThanOrEqual(5)
  expect(seen.length).toBeGreaterThan(3)
})

it('the simulator releases an event when the simulated clock has reached its time', async () => {
  const firstAt = [...source.events()][0]?.releaseAt ?? 0
  const seen: Array<[simulated: number, at: number]> = []
  const begunAt = clock.now()
  await simulate({
    source,
    producer: newProducer(),
    clock,
    speed: 600,
    onProgress: ({ at, finished }) =>
      void (finished || seen.push([(clock.now() - begunAt) * 600, (at ?? 0) - firstAt])),
  })
  expect(seen.length).toBeGreaterThan(3)
  for (const [simulated, at] of seen) {
    expect(at).toBeLessThanOrEqual(simulated)
    expect(at).toBeGreaterThan(simulated - 120_000)
  }
})

const STAGES = ['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed', 'trip.cancelled']

interface Live {
  readonly end: LiveProgress
  readonly lateness: readonly number[]
  readonly records: readonly string[]
}

/** Live rides for so long; `at` is called about every second with the seconds since the beginning. */
async function liveFor(seconds: number, at: (second: number) => void = () => {}): Promise<Live> {
  const stop = new AbortController()
  const producer = new LatenessProducer(producerOptions())
  const begunAt = clock.now()
  const end = await simulateLive({
    seed: 3,
    producer,
    clock,
    signal: stop.signal,
    onProgress: () => {
      const second = (clock.now() - begunAt) / 1000
      at(second)
      if (second >= seconds) stop.abort()
    },
  })
  return { end, lateness: producer.lateness, records: await contents() }
}

it('live rides go out when they happen, as valid events of whole trips in New York, and end when they are told to', async () => {
  const begunAt = clock.now()
  const { end, lateness, records } = await liveFor(600)
  expect(Math.max(...lateness)).toBeLessThanOrEqual(10)
  expect(Math.min(...lateness)).toBe(0)
  expect(records).toHaveLength(end.sent)
  expect(end.sent / 600).toBeGreaterThan(20)
  expect(end.sent / 600).toBeLessThan(45)

  const events = records.flatMap((record) => validEvent(record) ?? [])
  expect(end.invalid).toBe(records.length - events.length)
  expect(end.invalid).toBeGreaterThan(0)
  const trips = new Map<string, { readonly type: string; readonly at: number }[]>()
  for (const { eventType, timestamp, data } of events) {
    const at = Date.parse(timestamp)
    expect(at >= begunAt && at <= clock.now()).toBe(true)
    if ('location' in data) expect(isNewYork(data.location)).toBe(true)
    else trips.set(data.tripId, [...(trips.get(data.tripId) ?? []), { type: eventType, at }])
  }
  expect(trips.size).toBeGreaterThan(150)
  const ended = [...trips.values()].map((stages) => stages.sort((a, b) => a.at - b.at))
  for (const stages of ended) {
    const order = stages.map(({ type }) => STAGES.indexOf(type))
    expect(order).toEqual([...order].sort())
  }
  const completed = ended.filter((stages) => stages.at(-1)?.type === 'trip.completed')
  expect(completed.length).toBeGreaterThan(50)
  const isOver = (stages: { readonly type: string }[]) => /completed|cancelled/.test(stages.at(-1)?.type ?? '')
  // A trip whose last event was broken on the way stays open, as for any other consumer.
  expect(ended.filter((stages) => !isOver(stages)).length).toBeLessThanOrEqual(end.invalid)
})

it('the same seed and time give the same live rides', async () => {
  const { records } = await liveFor(20)
  await reset()
  expect((await liveFor(20)).records).toEqual(records)
})

it('after a computer has slept, live rides are of now again: new ones, and none of the time between', async () => {
  let slept = false
  const { lateness, records } = await liveFor(3700, (second) => {
    if (slept || second < 60) return
    slept = true
    clock.skip(3_600_000)
  })
  expect(Math.max(...lateness)).toBeLessThanOrEqual(30_000)
  const days = new Set(records.flatMap((record) => /live-\w+/.exec(record) ?? []))
  expect(days.size).toBe(2)
})

it('planning that takes longer than a computer may sleep begins the rides once, late', async () => {
  const producer = new LatenessProducer(producerOptions())
  const stop = new AbortController()
  let pauses = 0
  clock.onYield = () => {
    // More than three thousand rides are planned, with a pause after each thousand.
    if (++pauses <= 3) clock.skip(15_000)
  }
  const begunAt = clock.now()
  const onProgress = (): void => {
    if (clock.now() - begunAt > 47_000) stop.abort()
  }
  await simulateLive({ seed: 3, drivers: 1500, producer, clock, signal: stop.signal, onProgress })
  expect(Math.max(...producer.lateness)).toBeGreaterThan(30_000)
  const days = new Set((await contents()).flatMap((record) => /live-\w+/.exec(record) ?? []))
  expect(days.size).toBe(1)
})

it('live rides end while they are planned, when they are told to', async () => {
  const stop = new AbortController()
  clock.onYield = () => stop.abort()
  const end = await simulateLive({ seed: 3, drivers: 3000, producer: newProducer(), clock, signal: stop.signal })
  expect(end).toEqual({ sent: 0, invalid: 0, rides: 0 })
})

it('two live runs of one seed in the same second have no event id in common', async () => {
  const ids = async (): Promise<readonly string[]> =>
    (await liveFor(20)).records.flatMap((record) => validEvent(record)?.eventId ?? [])
  const first = await ids()
  await reset()
  clock.skip(1)
  const second = await ids()
  expect(first.length).toBeGreaterThan(100)
  expect(second.filter((id) => first.includes(id))).toEqual([])
})

function validEvent(record: string): EventEnvelope | null {
  const [topic = '', key = ''] = record.split(' ', 2)
  const value = record.slice(topic.length + key.length + 2)
  const orNull = (text: string): string | null => (text === 'null' ? null : text)
  const raw = { kind: 'raw' as const, topic: topic as EventType, key: orNull(key), value: orNull(value), timestamp: 0 }
  return understood(raw) === null ? null : JSON.parse(value)
}

const isNewYork = ({ lat, lng }: { readonly lat: number; readonly lng: number }): boolean =>
  lat > 40.45 && lat < 40.95 && lng > -74.3 && lng < -73.65
