/*
 * npm run bench:push [-- --seconds N --per-second N --drivers N]
 *
 * One broker, one instance with all processors. Every driver has a push open, half of them by server-sent events and half by a
 * WebSocket, and sends a position each second. Prints how long it takes from the produce call of a request to the arrival of each
 * push, and to the arrival of its records in each topic on the way at a consumer beside the application. Exit code 1 when the P95 is above 100 ms or an offer was not pushed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { openEventProducer } from '../app/events/open-events.ts'
import type { DriverOffer } from '../app/http/offers/driver-offer.ts'
import { createRideTopics } from '../app/topics/create-topics.ts'
import { connectKafka } from '../infra/kafka/index.ts'
import { startJarCluster } from '../infra/local-kafka/jar-cluster.ts'
import { spansOf } from '../infra/streams/topics/index.ts'
import { askedSerde, requestsIn } from '../processors/trip-offers/asked-batch.ts'
import { foundSerde } from '../processors/trip-offers/found-batch.ts'
import type { LogRecord } from '../runtime/index.ts'
import { AppProcess } from '../test/support/app-process.ts'
import { Random } from '../test/support/random.ts'
import { SseClient } from '../test/support/sse-client.ts'

const WARM_UP_MS = 5000
const TARGET_MS = 100
/** A driver takes a trip after it, so that pages of offers stay short. */
const TAKEN_AFTER_MS = 1000
const CENTRE = { lat: 40.75, lng: -73.98 }

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    'per-second': { type: 'string', default: '5' },
    drivers: { type: 'string', default: '100' },
  },
})
const [seconds, perSecond, drivers] = [values.seconds, values['per-second'], values.drivers].map(Number) as [
  number,
  number,
  number,
]

const random = new Random(11)
const somewhere = () => ({ lat: CENTRE.lat + random.below(200) / 10_000, lng: CENTRE.lng + random.below(200) / 10_000 })
const driverIds = Array.from({ length: drivers }, (_, i) => `driver-${i}`)

/** When each request was sent. */
const sentAt = new Map<string, number>()
const latencies = { sse: [] as number[], socket: [] as number[] }
/** By topic: ms from the request to its record, by trip. */
const steps = new Map<string, Map<string, number>>()
const pushed = new Set<string>()
let begin = Number.POSITIVE_INFINITY

/** The topics that an offer goes through, and how their records name its request. */
const STEPS: ReadonlyMap<string, (record: LogRecord) => readonly string[]> = new Map([
  [
    'push-trip-offers-requests-repartition',
    ({ value }) => tripsIn(askedSerde.deserialize('', value as Buffer).requests),
  ],
  [
    'push-trip-offers-nearest-repartition',
    ({ value }) => tripsIn(foundSerde.deserialize('', value as Buffer).requests),
  ],
  ['trip.offers', ({ key }) => [String(key)]],
])

const directory = await mkdtemp(join(tmpdir(), 'ride-push-'))
const cluster = await startJarCluster({ brokers: 1 })
const say = (line: string): void => void process.stdout.write(`${line}\n`)
try {
  const connection = { brokers: [cluster.bootstrap], clientId: 'push' }
  const kafka = connectKafka(connection)
  await createRideTopics(kafka.admin(), { applicationId: 'push', outputRetentionMs: -1, onNotice: () => undefined })
  await kafka.close()
  const app = await AppProcess.start({
    KAFKA_BROKERS: cluster.bootstrap,
    APPLICATION_ID: 'push',
    STATE_DIR: directory,
    LOG_LEVEL: 'info',
  })
  try {
    await app.ready()
    const end = await followAll(app.url)
    const watching = await watchRecords(connection)
    await drive(connection)
    end()
    await watching.end()
  } finally {
    await app.end('SIGTERM')
  }
} finally {
  await cluster.stop()
  await rm(directory, { recursive: true, force: true })
}
report()

/** Opens a push for every driver. */
async function followAll(url: string): Promise<() => void> {
  const ends = await Promise.all(
    driverIds.map(async (driverId, i) => {
      const path = `/drivers/${driverId}/offers/events`
      const seen = new Set<string>()
      const arrived = (data: unknown, into: number[]): void => {
        const now = performance.now()
        for (const { tripId } of (data as { readonly rows: readonly DriverOffer[] }).rows) {
          const at = sentAt.get(tripId)
          if (seen.has(tripId) || at === undefined) continue
          seen.add(tripId)
          pushed.add(tripId)
          if (at > begin + WARM_UP_MS) into.push(now - at)
        }
      }
      if (i % 2 === 0) {
        const events = await SseClient.open(`${url}${path}`)
        void (async () => {
          for (;;) {
            const event = await events.next(600_000).catch(() => null)
            if (event === null) return
            if (event.event === 'offers') arrived(event.data, latencies.sse)
          }
        })()
        return () => events.close()
      }
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`)
      socket.on('message', (data) => arrived(JSON.parse(String(data)), latencies.socket))
      await new Promise((resolve) => socket.once('message', resolve))
      return () => socket.terminate()
    }),
  )
  return () => {
    for (const end of ends) end()
  }
}

function tripsIn(requests: Buffer): readonly string[] {
  return requests.length === 0 ? [] : requestsIn(requests).map(([tripId]) => tripId)
}

/** Notes when a consumer beside the application gets the records of each step. */
async function watchRecords(connection: { readonly brokers: string[]; readonly clientId: string }) {
  const kafka = connectKafka(connection)
  const reader = kafka.reader()
  for (const span of await spansOf(kafka.admin(), [...STEPS.keys()])) reader.assign(span, span.to)
  let isOver = false
  const reading = (async () => {
    while (!isOver) {
      const fetched = await reader.poll(200)
      const now = performance.now()
      for (const { topic, records } of fetched) {
        const found = records
          .filter(({ value }) => value !== null)
          .flatMap((record) => STEPS.get(topic)?.(record) ?? [])
        for (const tripId of found) {
          const at = sentAt.get(tripId)
          const seen = steps.get(topic) ?? new Map<string, number>()
          steps.set(topic, seen)
          if (at !== undefined && at > begin + WARM_UP_MS && !seen.has(tripId)) seen.set(tripId, now - at)
        }
      }
    }
  })()
  return {
    async end(): Promise<void> {
      isOver = true
      await reading
      await kafka.close()
    },
  }
}

async function drive(connection: { readonly brokers: string[]; readonly clientId: string }): Promise<void> {
  const producer = await openEventProducer(connection, { lingerMs: 0 })
  const sending: Promise<unknown>[] = []
  const position = (driverId: string) =>
    sending.push(producer.send('driver.location.updated', { driverId, location: somewhere(), status: 'available' }))
  for (const driverId of driverIds) position(driverId)
  await sleep(2000)
  begin = performance.now()
  const all = Math.floor((WARM_UP_MS / 1000 + seconds) * perSecond)
  let positions = 0
  for (let trips = 0; trips < all; ) {
    const elapsed = (performance.now() - begin) / 1000
    for (; positions < elapsed * drivers; positions++) position(driverIds[positions % drivers] as string)
    for (; trips < Math.min(all, elapsed * perSecond); trips++) {
      const tripId = `trip-${trips}`
      sentAt.set(tripId, performance.now())
      const data = {
        tripId,
        passengerId: 'p',
        pickup: somewhere(),
        dropoff: CENTRE,
        estimatedFare: 9,
        vehicleType: 'standard',
      }
      sending.push(producer.send('trip.requested', data))
      sending.push(sleep(TAKEN_AFTER_MS).then(() => producer.send('trip.accepted', { tripId, driverId: 'driver-0' })))
    }
    await sleep(2)
  }
  await sleep(2000)
  await Promise.all(sending)
  await producer.close()
}

function report(): void {
  const line = (name: string, found: readonly number[]): void => {
    const sorted = [...found].sort((a, b) => a - b)
    const at = (q: number) =>
      `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(0)} ms`
    say(`${name}: ${found.length} times, p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, most ${at(1)}`)
  }
  for (const topic of STEPS.keys()) line(`in ${topic}`, [...(steps.get(topic)?.values() ?? [])])
  line('server-sent events', latencies.sse)
  line('WebSocket', latencies.socket)
  const all = [...latencies.sse, ...latencies.socket].sort((a, b) => a - b)
  line('all', all)
  const lost = [...sentAt.keys()].filter((tripId) => !pushed.has(tripId)).length
  say(`${sentAt.size} requests, ${lost} without a push`)
  const p95 = all[Math.floor(all.length * 0.95)] ?? Number.POSITIVE_INFINITY
  if (lost > 0 || p95 > TARGET_MS) process.exitCode = 1
}
