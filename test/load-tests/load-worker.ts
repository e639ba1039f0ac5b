/* Sends the load and watches the outputs, in a thread of its own; see load-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { EventProducer } from '../../app/events/event-producer.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { realClock } from '../../infra/streams/index.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { TRIP_OFFERS_TOPIC, TRIP_STATE_TOPIC } from '../../processors/topics.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import { CommitWatch } from '../chaos/commit-watch.ts'
import { FedLedger } from '../chaos/fed-ledger.ts'
import { kafkajs } from '../support/kafkajs.ts'
import { CityLoad, type LoadEvent } from './city-load.ts'
import type { LoadMessage, LoadSample, LoadSetup } from './load-thread.ts'

const TICK_MS = 5
const SAMPLE_MS = 1000
const DRAIN_MS = 120_000

const { bootstrap, applicationId, ...options } = workerData as LoadSetup
const brokers = bootstrap.split(',')
const kafka = connectKafka({ brokers, clientId: 'load-test' })
const admin = kafka.admin()
const post = (message: LoadMessage): void => parentPort?.postMessage(message)

/** Outputs and dead letters. Only the records of the former count as events out. */
const outputs = rideTopics({ applicationId, outputRetentionMs: -1 }).filter(({ role }) => role !== 'input')
const described = await admin.describeTopics([...EVENT_TYPES, ...outputs.map(({ name }) => name)])
const counts = new Map([...described].map(([topic, { partitions }]) => [topic, partitions]))
const reader = kafka.reader()
for (const { name } of outputs) {
  for (let partition = 0; partition < (counts.get(name) ?? 0); partition++) reader.assign({ topic: name, partition }, 0)
}
const writer = kafka.writer({ transactionalId: null })
const producer = new EventProducer({ writer, partitions: counts, clock: realClock })
const fed = new FedLedger()
const watch = await CommitWatch.start(kafkajs(bootstrap), applicationId, EVENT_TYPES, fed)
const load = new CityLoad(options)

const zero = performance.now() + options.warmUpSeconds * 1000
const now = (): number => performance.now() - zero
let acknowledged = 0
let received = 0
let deadLetters = 0
let isOver = false
/** Offset behind the last acknowledged record, by partition. */
const ends = new Map<string, number>()

async function send({ type, data }: LoadEvent): Promise<void> {
  const at = performance.now()
  const { topic, partition, offset } = await producer.send(type, data)
  acknowledged++
  // The answer is one for all records of a partition in the batch.
  const key = partitionKey({ topic, partition })
  const first = ends.get(key) ?? 0
  if (offset < first) return
  ends.set(key, offset + 1)
  fed.add(topic, partition, first, offset + 1 - first, at)
}

async function produce(): Promise<void> {
  const sending: Promise<void>[] = []
  let isZeroTold = false
  while (now() < options.seconds * 1000) {
    if (!isZeroTold && now() >= 0) {
      isZeroTold = true
      post({ kind: 'zero', at: performance.timeOrigin + zero })
    }
    for (const event of load.due(now())) sending.push(send(event))
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  for (const event of load.due(now())) sending.push(send(event))
  await producer.flush()
  await Promise.all(sending)
}

async function consume(): Promise<void> {
  while (!isOver) {
    for (const { topic, records } of await reader.poll(200)) {
      if (topic.endsWith('.dlq')) deadLetters += records.length
      else received += records.length
      if (topic !== TRIP_OFFERS_TOPIC && topic !== TRIP_STATE_TOPIC) continue
      const at = now()
      for (const { key, value } of records) {
        const row = JSON.parse(String(value)) as { status: string; offers: { driverId: string }[] }
        if (topic === TRIP_STATE_TOPIC) load.stateSeen(String(key), row.status)
        else
          load.offered(
            String(key),
            row.offers.map(({ driverId }) => driverId),
            at,
          )
      }
    }
  }
}

/** Until every event is committed, and every answer to it has arrived; or not in time: then it is lost. */
async function drain(): Promise<void> {
  const limit = now() + DRAIN_MS
  const isDone = (): boolean =>
    watch.oldestAge === 0 && load.outcomes.every(({ offers, seen, expected }) => offers > 0 && seen === expected)
  while (!isDone() && now() < limit) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** The greatest ones since the last sample: looked at more often than told. */
let lagMs = 0
let lagRecords = 0
const looking = setInterval(() => {
  lagMs = Math.max(lagMs, watch.oldestAge)
  const fedRecords = [...ends.values()].reduce((sum, end) => sum + end, 0)
  lagRecords = Math.max(lagRecords, fedRecords - watch.committed)
}, 50)
const sampling = setInterval(() => {
  const sample: LoadSample = { atMs: now(), sent: acknowledged, received, lagMs, lagRecords }
  lagMs = 0
  lagRecords = 0
  post({ kind: 'sample', sample })
}, SAMPLE_MS)

const consuming = consume()
await produce()
clearInterval(sampling)
post({ kind: 'sent' })
await drain()
isOver = true
clearInterval(looking)
await consuming
await watch.stop()
const waits = watch.waits().map(({ partition, from, to }) => ({ partition, from: from - zero, to: to - zero }))
post({ kind: 'end', result: { outcomes: load.outcomes, waits, sent: acknowledged, received, deadLetters } })
await kafka.close()
