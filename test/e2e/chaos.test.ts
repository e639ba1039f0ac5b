import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import type { LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { createRideTopics } from '../../infra/topics/create-topics.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { AppProcess } from '../support/app-process.ts'
import { committedOnDisk } from '../support/committed-on-disk.ts'
import { countAborts } from '../support/count-aborts.ts'
import { startOwnKafka } from '../support/kafka.ts'
import { kafkajs, kafkajsProducer, type ReadRecord, readCommitted } from '../support/kafkajs.ts'
import { type Json, oracle, revenueDifferences } from '../support/oracle.ts'
import { Random } from '../support/random.ts'
import { type RideInputRecord, rideInput } from '../support/ride-input.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'chaos'
const EVENTS = 20_000
const MIN_KILLS = 10
const MIN_ABORTED = 3
const WIPED_AT_KILL = 6
const OUTPUTS = ['trip.state', 'driver.cell.changed', 'analytics.hourly_revenue', `${APPLICATION_ID}.dlq`]

let broker: LocalKafka
let kafka: Kafka
let stateDir: string

beforeAll(async () => {
  broker = await startOwnKafka()
  kafka = kafkajs(broker.bootstrap)
  stateDir = await mkdtemp(join(tmpdir(), 'ride-chaos-'))
  const cluster = connectKafka({ brokers: [broker.bootstrap], clientId: 'test' })
  await createRideTopics(cluster.admin(), { applicationId: APPLICATION_ID, outputRetentionMs: -1, keepForever: true })
  await cluster.close()
})

afterAll(async () => {
  await broker?.stop()
  await rm(stateDir, { recursive: true, force: true })
})

it('loses, repeats and invents nothing while it is killed with -9 again and again', async () => {
  const random = new Random(7)
  const input = rideInput({ seed: 7, count: EVENTS })
  const env = {
    KAFKA_BROKERS: broker.bootstrap,
    APPLICATION_ID,
    STATE_DIR: stateDir,
    NUM_STREAM_THREADS: '2',
  }
  const feeder = new Feeder(input, kafka)
  let kills = 0
  while (kills < MIN_KILLS || (await countAborts(join(broker.dataDir, 'data'), OUTPUTS)) < MIN_ABORTED) {
    const app = await AppProcess.start(env)
    await app.ready()
    // The app is busy from here to its end: records keep coming while it is killed.
    const feeding = feeder.feed(Math.min(1500, Math.floor(feeder.left / 2)))
    await feeder.sent(200 + random.below(800))
    await app.end('SIGKILL')
    await feeding
    if (++kills === WIPED_AT_KILL) await rm(join(stateDir, APPLICATION_ID), { recursive: true })
    expect(kills, 'kills that left no aborted transaction').toBeLessThan(40)
  }
  const app = await AppProcess.start(env)
  await feeder.feed(feeder.left)
  await feeder.close()
  await untilDrained(broker.bootstrap, APPLICATION_ID, 120_000)
  expect(await app.end('SIGTERM')).toBe(0)

  const expected = oracle(toInput(await readCommitted(kafka, EVENT_TYPES, 'reader-of-input')))
  const outputs = await committedOnDisk(join(broker.dataDir, 'data'), OUTPUTS)
  expect(latest(outputs, 'trip.state')).toEqual(expected.trips)
  expect(cellChanges(outputs)).toEqual(
    new Map([...expected.cellChanges].map(([driver, changes]) => [driver, changes.map(({ value }) => value)])),
  )
  expect(revenueDifferences(expected, latest(outputs, 'analytics.hourly_revenue'))).toEqual([])
  expect(deadLetters(outputs)).toEqual(
    expected.deadLetters.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`).sort(),
  )
}, 300_000)

/** Sends the input in order, a few records at a time. */
class Feeder {
  readonly #input: readonly RideInputRecord[]
  readonly #kafka: Kafka
  #producer: Awaited<ReturnType<typeof kafkajsProducer>> | null = null
  #next = 0
  #waiting: { at: number; resolve: () => void } | null = null

  constructor(input: readonly RideInputRecord[], client: Kafka) {
    this.#input = input
    this.#kafka = client
  }

  get left(): number {
    return this.#input.length - this.#next
  }

  async feed(count: number): Promise<void> {
    this.#producer ??= await kafkajsProducer(this.#kafka)
    const end = this.#next + count
    while (this.#next < end) {
      const some = this.#input.slice(this.#next, Math.min(end, this.#next + 20))
      const topics = [...new Set(some.map(({ topic }) => topic))]
      await this.#producer.sendBatch({
        topicMessages: topics.map((topic) => ({
          topic,
          messages: some
            .filter((record) => record.topic === topic)
            .map(({ key, value, timestamp, partitionHint }) => ({
              key,
              value,
              timestamp: String(timestamp),
              ...(partitionHint === null ? {} : { partition: partitionHint % 3 }),
            })),
        })),
      })
      this.#next += some.length
      if (this.#waiting !== null && this.#next >= this.#waiting.at) this.#waiting.resolve()
    }
    this.#waiting?.resolve()
  }

  /** Resolves when so many more are sent, or all of this feed. */
  sent(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { at: this.#next + count, resolve }
    })
  }

  async close(): Promise<void> {
    await this.#producer?.disconnect()
  }
}

function toInput(records: readonly ReadRecord[]) {
  return records.map(({ topic, partition, offset, key, value, timestamp }) => ({
    topic,
    partition,
    offset: Number(offset),
    key,
    value,
    timestamp: Number(timestamp),
  }))
}

function latest(records: readonly ReadRecord[], topic: string): Map<string, Json> {
  return new Map(
    records
      .filter((record) => record.topic === topic)
      .map(({ key, value }) => [String(key), JSON.parse(String(value)) as Json]),
  )
}

function cellChanges(records: readonly ReadRecord[]): Map<string, Json[]> {
  const changes = new Map<string, Json[]>()
  for (const { topic, key, value } of records) {
    if (topic !== 'driver.cell.changed') continue
    const driver = String(key)
    changes.set(driver, [...(changes.get(driver) ?? []), JSON.parse(String(value)) as Json])
  }
  return changes
}

function deadLetters(records: readonly ReadRecord[]): string[] {
  return records
    .filter(({ topic }) => topic === `${APPLICATION_ID}.dlq`)
    .map(({ headers }) => {
      const header = (name: string): string => String(headers?.[`__streams.errors.${name}`])
      return `${header('topic')}-${header('partition')}@${header('offset')}`
    })
    .sort()
}
