import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { CompressionTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { committedOnDisk } from '../support/committed-on-disk.ts'
import { invalidKindsOf } from '../support/invalid-events.ts'
import { kafkajsProducer } from '../support/kafkajs.ts'
import { type MetricLine, parseMetrics } from '../support/metrics-text.ts'
import { type OpenApi, openApiRequests } from '../support/openapi-requests.ts'
import { OtlpReceiver } from '../support/otlp-receiver.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { rideOutputs } from '../support/ride-outputs.ts'
import { projectRoot } from '../support/run-cli.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { untilDrained } from '../support/until-drained.ts'
import { JMX_METRICS } from './jmx-metrics.ts'
import { alertRules, metricsOfAlerts, metricsOfDashboards } from './used-metrics.ts'

/*
 * One real run, known record by record: docs/monitoring.md must tell exactly what happened. Stores are in memory, where
 * their size is no estimate.
 */

const APPLICATION_ID = 'watched'
/** Everything, as it could be in production for a while. */
const TRACING = { OTEL_TRACES_SAMPLER_ARG: '1' }
const TOKEN = 'a-token-nobody-may-see'
const CHANGELOGS = ['trip-state', 'driver-cells', 'hourly-revenue'].map(
  (store) => `${APPLICATION_ID}-${store}-changelog`,
)
const REPARTITION = `${APPLICATION_ID}-hourly-revenue-repartition`
const PRODUCED = [...rideOutputs(APPLICATION_ID), ...CHANGELOGS, REPARTITION]

let rides: RideKafka
let app: AppProcess
let collector: OtlpReceiver
let metrics: readonly MetricLine[]
const input = rideInput({ seed: 11, count: 2500, invalid: 0.05 })
const written = new Map<string, number>()

beforeAll(async () => {
  collector = await OtlpReceiver.start()
  rides = await borrowRideKafka(APPLICATION_ID)
  app = await AppProcess.start(env())
  await app.ready()
  const feeder = new RideFeeder(input, rides.kafka)
  await feeder.feed(input.length)
  await feeder.close()
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
  metrics = await scrape()
  for (const { topic } of await committedOnDisk(join(rides.broker.dataDir, 'data'), PRODUCED)) {
    written.set(topic, (written.get(topic) ?? 0) + 1)
  }
})

afterAll(async () => {
  await app?.end('SIGKILL')
  collector?.close()
  await rides?.close()
})

let isTraced = false

/** A second life, which restores and is traced. */
async function restartTraced(): Promise<void> {
  expect(await app.end('SIGTERM')).toBe(0)
  app = await AppProcess.start({ ...env(), ...TRACING, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint })
  await app.ready()
  metrics = await scrape()
  isTraced = true
}

const env = () => ({
  KAFKA_BROKERS: rides.bootstrap,
  APPLICATION_ID,
  STATE_DIR: rides.directory,
  STATE_BACKEND: 'memory',
  NUM_STREAM_THREADS: '2',
  PROCESSORS: CORE_PROCESSORS.join(),
  HTTP_TOKEN: TOKEN,
  LOG_LEVEL: 'trace',
})

async function scrape(): Promise<readonly MetricLine[]> {
  const response = await fetch(`${app.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  return parseMetrics(await response.text())
}

/** Values by the labels, joined in the order of their names. */
function values(name: string): Record<string, number> {
  const lines = metrics.filter((line) => line.name === name)
  return Object.fromEntries(lines.map(({ labels, value }) => [Object.values(labels).join(' '), value]))
}

function counted<T>(items: Iterable<T>, key: (item: T) => string | null): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) {
    const name = key(item)
    if (name !== null) counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const sum = (numbers: Record<string, number>): number => Object.values(numbers).reduce((a, b) => a + b, 0)

describe('the metrics', () => {
  it('count input records by topic, and dead letters by topic and reason', () => {
    const valid = counted(input, ({ topic, invalid }) => (invalid === null ? topic : null))
    expect(values('records_processed_total')).toEqual({ ...valid, [REPARTITION]: written.get(REPARTITION) })
    const reasons = new Map(EVENT_TYPES.flatMap(invalidKindsOf).map(({ name, reason }) => [name, reason]))
    const letters = counted(input, ({ topic, invalid }) =>
      // Labels in the order of their names.
      invalid === null ? null : `${reasons.get(invalid)} ${topic}`,
    )
    expect(Object.keys(letters).length).toBeGreaterThan(20)
    expect(values('dead_letters_total')).toEqual(letters)
    expect(values('dropped_records_total')).toEqual({})
  })

  it('count output records as they are in the log, and commits', () => {
    expect(values('records_produced_total')).toEqual(Object.fromEntries(written))
    const commits = values('commits_total')['']
    expect(commits).toBeGreaterThan(1)
    expect(values('commit_seconds_count')['']).toBe(commits)
    expect(values('produce_batch_records_count')['']).toBe(commits)
    expect(values('produce_batch_records_sum')['']).toBe([...written.values()].reduce((a, b) => a + b, 0))
    expect(values('transaction_aborts_total')).toEqual({ '': 0 })
    expect(values('produce_errors_total')).toEqual({ '': 0 })
    expect(values('fetches_total')['']).toBeGreaterThan(0)
  })

  it("measure every record's processing, and its latency from event time to commit", () => {
    const processed = sum(values('records_processed_total'))
    expect(values('record_processing_seconds_count')['']).toBe(processed)
    expect(values('record_processing_seconds_sum')['']).toBeLessThan(30)
    expect(values('record_e2e_latency_seconds_count')['']).toBe(processed)
    // Rides of 2019: no bucket but the last, and the mean is the age of that spring.
    expect(values('record_e2e_latency_seconds_bucket')).toMatchObject({ 600: 0, '+Inf': processed })
    const age = (Date.now() - Date.UTC(2019, 2, 1, 12)) / 1000
    expect((values('record_e2e_latency_seconds_sum')[''] ?? 0) / processed / age).toBeCloseTo(1, 2)
  })

  it('show the lag of every partition, the tasks and the rows', async () => {
    const partitions = [...EVENT_TYPES, REPARTITION].flatMap((topic) =>
      Array.from({ length: topic === 'driver.location.updated' ? 6 : 3 }, (_, i) => [
        `${APPLICATION_ID} ${i} ${topic}`,
        0,
      ]),
    )
    expect(values('kafka_consumer_lag')).toEqual(Object.fromEntries(partitions))
    expect(values('tasks')).toEqual({ running: 12, restoring: 0, standby: 0 })
    expect(values('rebalances_total')['']).toBeGreaterThan(0)
    expect(values('restore_records_remaining')).toEqual({})
    const keys = (topic: string) =>
      new Set(onDisk.filter((record) => record.topic === topic).map(({ key }) => String(key)))
    const onDisk = await committedOnDisk(join(rides.broker.dataDir, 'data'), CHANGELOGS)
    expect(values('store_entries')).toEqual(
      Object.fromEntries(
        CHANGELOGS.map((topic) => [topic.slice(APPLICATION_ID.length + 1, -'-changelog'.length), keys(topic).size]),
      ),
    )
  })

  it('have exactly these names and labels, with help text and type', () => {
    const labels = counted(metrics, ({ family, type, labels }) =>
      /^(process|nodejs)_/.test(family)
        ? null
        : `${type} ${family}{${Object.keys(labels).filter((name) => name !== 'le')}}`,
    )
    expect(Object.keys(labels).sort()).toEqual([
      'counter commits_total{}',
      'counter dead_letters_total{reason,topic}',
      'counter fetches_total{}',
      'counter produce_errors_total{}',
      'counter rebalances_total{}',
      'counter records_processed_total{topic}',
      'counter records_produced_total{topic}',
      'counter transaction_aborts_total{}',
      'gauge kafka_broker_up{broker}',
      'gauge kafka_consumer_lag{group,partition,topic}',
      'gauge kafka_held_back_offsets{group,partition,topic}',
      'gauge store_entries{store}',
      'gauge stream_thread_external_bytes{thread}',
      'gauge stream_thread_heap_total_bytes{thread}',
      'gauge stream_thread_heap_used_bytes{thread}',
      'gauge tasks{state}',
      'histogram commit_seconds{}',
      'histogram produce_batch_records{}',
      'histogram record_e2e_latency_seconds{}',
      'histogram record_processing_seconds{}',
    ])
  })
})

describe('every metric', () => {
  let families: ReadonlyMap<string, string>

  beforeAll(async () => {
    const response = await fetch(`${app.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
    const types = [...(await response.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    families = new Map(types.map(([, name = '', type = '']) => [name, type]))
  })

  it('that alerts and dashboards name exists', async () => {
    const known = new Set(['up', ...JMX_METRICS])
    for (const [name, type] of families) {
      for (const part of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) known.add(name + part)
    }
    const used = [...(await metricsOfAlerts()), ...(await metricsOfDashboards())]
    expect(used.length).toBeGreaterThan(40)
    expect(used.filter(({ metric }) => !known.has(metric))).toEqual([])
  })

  it('of the application, and every alert, is explained in docs/monitoring.md', async () => {
    const text = await readFile(join(projectRoot, 'docs/monitoring.md'), 'utf8')
    const [metricsPart = '', alertsPart = ''] = text.split('## Alerts')
    const named = [...metricsPart.matchAll(/`([a-z0-9_]+)(?:\{[a-z,]+\})?`/g)].map(([, name]) => name)
    const own = [...families.keys()].filter((name) => !/^(process|nodejs)_/.test(name))
    expect(own.filter((name) => !named.includes(name))).toEqual([])
    const alerts = [...alertsPart.matchAll(/^\| ([A-Z]\w+) \|/gm)].map(([, name]) => name)
    expect(alerts.sort()).toEqual((await alertRules()).map(({ alert }) => alert).sort())
  })
})

it('every request made from /openapi.json gets an answer, and no 5xx but the documented 503', async () => {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const document = (await (await fetch(`${app.url}/openapi.json`, { headers })).json()) as OpenApi
  const statuses = new Map<string, Set<number>>()
  for (const [path, requests] of openApiRequests(document)) {
    const seen = new Set<number>()
    statuses.set(path, seen)
    await fc.assert(
      fc.asyncProperty(requests, async ({ url, headers: own }) => {
        const status = await statusOf(app.url + url, { ...headers, ...own })
        seen.add(status)
        expect([url, status < 500 || status === 503]).toEqual([url, true])
      }),
      { numRuns: 60, seed: 5 },
    )
  }
  expect(statuses.size).toBeGreaterThan(9)
  // The requests are good enough to be answered, and bad enough to be refused.
  const all = new Set([...statuses.values()].flatMap((seen) => [...seen]))
  expect([200, 400, 404].filter((status) => !all.has(status))).toEqual([])
  expect((await fetch(`${app.url}/health/ready`)).status).toBe(200)
  expect(app.log.filter((line) => /request failed|"level":"(error|fatal)"/.test(line))).toEqual([])
})

/** Without the body: some answers are streams that never end. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    request.on('error', reject)
  })
}

describe('log lines', () => {
  const lines = () => app.log.map((line) => JSON.parse(line) as Record<string, unknown>)

  it('name record, event, task and thread of every bad record', async () => {
    const records = await committedOnDisk(join(rides.broker.dataDir, 'data'), EVENT_TYPES)
    const at = new Map(records.map((record) => [`${record.topic}-${record.partition}:${record.offset}`, record]))
    const bad = lines().filter(({ msg }) => String(msg).startsWith('bad record: sent'))
    expect(bad.length).toBeGreaterThanOrEqual(10)
    const isInvalid = new Set(input.flatMap(({ invalid, value }) => (invalid === null ? [] : [String(value)])))
    for (const line of bad) {
      const record = at.get(`${line.topic}-${line.partition}:${line.offset}`)
      expect(isInvalid.has(String(record?.value))).toBe(true)
      expect(line).toMatchObject({ level: 'warn', reason: expect.any(String), error: expect.any(String) })
      expect([0, 1]).toContain(line.thread)
      expect(String(line.taskId)).toMatch(new RegExp(`^\\d+_${line.partition}$`))
      expect(line.eventId).toBe(eventIdIn(String(record?.value)))
    }
    expect(bad.filter(({ eventId }) => eventId !== undefined).length).toBeGreaterThan(0)
  })

  it('hold no secret at any level', () => {
    expect(app.log.filter((line) => line.includes(TOKEN))).toEqual([])
  })
})

function eventIdIn(text: string): string | undefined {
  try {
    const { eventId } = JSON.parse(text) as { eventId?: unknown }
    return typeof eventId === 'string' && eventId !== '' ? eventId : undefined
  } catch {
    return undefined
  }
}

it('a restart counts the records it restores', async () => {
  await restartTraced()
  const restores = app.log.flatMap((line) => {
    const { msg, taskId, thread, store, topic, partition } = JSON.parse(line) as Record<string, unknown>
    return msg === 'store restored' ? [{ taskId, thread, store, topic, partition }] : []
  })
  expect(restores.length).toBeGreaterThan(2)
  for (const { taskId, thread, store, topic, partition } of restores) {
    expect([0, 1]).toContain(thread)
    expect([taskId, topic]).toEqual([
      expect.stringMatching(`^\\d+_${partition}$`),
      `${APPLICATION_ID}-${store}-changelog`,
    ])
  }
  expect(values('restore_records_total')).toEqual(
    Object.fromEntries(
      CHANGELOGS.map((topic) => [topic.slice(APPLICATION_ID.length + 1, -'-changelog'.length), written.get(topic)]),
    ),
  )
})

it('hostile input fails only itself: all valid input is computed, kept and restored', async () => {
  if (!isTraced) await restartTraced()
  const letters = sum(values('dead_letters_total'))
  const producer = await kafkajsProducer(rides.kafka)
  const send = async (topic: string, key: string | null, value: string | Buffer): Promise<void> => {
    // kafkajs takes minutes for the hash of a megabyte.
    const place = (key?.length ?? 0) > 1000 ? { partition: 0 } : {}
    await producer.send({ topic, messages: [{ key, value, ...place }], compression: CompressionTypes.GZIP })
  }
  const completed = (id: string, more = '') =>
    `{"eventId":"e","eventType":"trip.completed","eventVersion":"1.0","timestamp":"2019-03-02T10:00:00Z","data":{"tripId":${JSON.stringify(id)},"finalFare":1${more}}}`
  const long = 'k'.repeat(1_000_000)
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const ids = ['__proto__', 'constructor', 'toString', 'a\u0000b', '../..', '%2e%2e', 'ünï🚕', "' OR 1=1 --"]
  for (const id of ids) await send('trip.completed', id, completed(id, ',"driverId":"__proto__"'))
  await send('trip.completed', 'polluting', completed('polluting', ',"__proto__":{"finalFare":7,"status":"x"}'))
  await send('trip.completed', 'deep', completed('deep', `,"deep":${deep}`))
  await send('trip.completed', 'wide', completed('wide', `,"wide":"${long}"`))
  await send('trip.completed', 'surrogate', completed('surrogate', ',"driverId":"\\ud800"'))
  const invalid = [
    deep,
    completed('\\ud800'),
    completed('k', ',"finalFare":1e999'),
    completed('k', ',"finalFare":NaN'),
    '\u0000',
    '',
  ]
  await send('trip.completed', long, completed(long))
  // Each fits, the trip they make would not.
  for (const step of ['accepted', 'started', 'completed']) {
    const event = completed('torn', `,"driverId":"${'d'.repeat(400_000)}"`).replace('trip.completed', `trip.${step}`)
    await send(`trip.${step}`, 'torn', event)
  }
  for (const value of invalid) await send('trip.completed', 'k', value)
  await send('trip.completed', null, Buffer.alloc(500_000, 0xff))
  await send('trip.completed', 'after', completed('after'))
  await producer.disconnect()
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)

  const check = async () => {
    for (const id of [...ids, 'polluting', 'wide', 'after']) {
      const { status, body } = await trip(id)
      expect([id, status, body.tripId, body.finalFare]).toEqual([id, 200, id, 1])
    }
    expect(await revenueOf('2019-03-02T10:00:00Z')).toEqual({ hour: '2019-03-02T10:00:00Z', revenue: 11, trips: 11 })
  }
  await check()
  metrics = await scrape()
  expect(sum(values('dead_letters_total')) - letters).toBe(invalid.length + 7)
  expect(values('transaction_aborts_total')).toEqual({ '': 0 })

  const processed = values('records_processed_total')
  expect(await app.end('SIGTERM')).toBe(0)
  // Each record was traced, by the stream thread that had it, from the event through the repartition topic.
  const spans = counted(collector.spans, ({ name }) => name.replace('process ', ''))
  expect(spans).toEqual(processed)
  const first = new Map(collector.spans.map((span) => [span.spanId, span]))
  const second = collector.spans.filter(({ name }) => name === `process ${REPARTITION}`)
  // All that one commit adds to an hour is one record.
  expect(second.length).toBeGreaterThan(0)
  for (const { traceId, parentSpanId } of second) {
    expect(first.get(parentSpanId)).toMatchObject({ traceId, name: 'process trip.completed', parentSpanId: '' })
  }
  const verified = await runInProcess(['verify', '--json'], {
    KAFKA_BROKERS: rides.bootstrap,
    APPLICATION_ID,
    PROCESSORS: env().PROCESSORS,
  })
  expect([verified.code, verified.stderr]).toEqual([0, ''])
  app = await AppProcess.start(env())
  await app.ready()
  await check()
})

async function trip(id: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  // fetch would take `..` for a path.
  const response = await fetch(`${app.url}/trips/${encodeURIComponent(id).replaceAll('.', '%2E')}`, { headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function revenueOf(hour: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const response = await fetch(`${app.url}/revenue/hourly?from=${hour}&to=${hour}`, { headers })
  return ((await response.json()) as { rows: unknown[] }).rows[0]
}
