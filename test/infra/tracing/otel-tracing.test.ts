import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTracing, type Tracing } from '../../../infra/tracing/otel-tracing.ts'
import { CORE_PROCESSORS } from '../../../processors/processor-names.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import type { RecordTracer } from '../../../runtime/ports/tracing.ts'
import type { Header } from '../../../state/ports/headers.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { OtlpReceiver } from '../../support/otlp-receiver.ts'
import { completed } from '../../support/ride-events.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const REVENUE = 'rides-hourly-revenue-repartition'

let receiver: OtlpReceiver
let lost: Error[]

beforeEach(async () => {
  receiver = await OtlpReceiver.start()
  lost = []
})

afterEach(() => receiver.close())

const tracing = (ratio: number): Tracing =>
  openTracing({ endpoint: receiver.endpoint, ratio, applicationId: 'rides', instanceId: 'i-1' }, (error) =>
    lost.push(error),
  )

const plan = buildRideTopology({ h3Resolution: 9, processors: CORE_PROCESSORS }).build({ applicationId: 'rides' })

async function rides(tracer?: RecordTracer): Promise<MemoryApp> {
  const names = rideTopics({ applicationId: 'rides', outputRetentionMs: -1 }).filter(
    ({ role }) => role !== 'dead-letter',
  )
  const app = new MemoryApp({
    plan,
    topics: Object.fromEntries(names.map(({ name }) => [name, 1])),
    config: { deserializationExceptionHandler: 'dead-letter' },
    ...(tracer && { tracer }),
  })
  await app.start()
  return app
}

/** One completed trip, with what its producer put into the headers. */
async function feed(app: MemoryApp, tripId: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const { key, value } = completed(tripId, 1_551_434_400_000, {}, { eventId: `e-${tripId}` })
  app.cluster.append({ topic: 'trip.completed', partition: 0 }, [
    {
      key,
      value,
      timestamp: 0,
      headers: Object.entries(headers).map(([name, text]) => ({ key: name, value: Buffer.from(text) })),
    },
  ])
  await app.drained('trip.completed')
  await app.drained(REVENUE)
}

const texts = (headers: Iterable<Header>): Record<string, string> =>
  Object.fromEntries([...headers].map(({ key, value }) => [key, String(value)]))
const lastHeaders = (app: MemoryApp, topic: string): Record<string, string> =>
  texts(app.records(topic).at(-1)?.headers ?? [])

it('a trace leads from the event through the repartition topic to every output, and further', async () => {
  const opened = tracing(0)
  const app = await rides(opened.tracer)
  await feed(app, 't-1', { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'shop=1' })
  const outputs = ['trip.state', REVENUE, 'analytics.hourly_revenue'].map((topic) => lastHeaders(app, topic))
  await app.instance.close()
  await opened.close()
  expect(lost).toEqual([])

  const [first, second, ...others] = receiver.spans
  expect(others).toEqual([])
  expect(first).toMatchObject({
    traceId: TRACE,
    parentSpanId: PARENT,
    name: 'process trip.completed',
    kind: 5,
    status: 0,
  })
  expect(second).toMatchObject({ traceId: TRACE, parentSpanId: first?.spanId, name: `process ${REVENUE}`, kind: 5 })
  const task = plan.subtopologies.find(({ sourceTopics }) => sourceTopics.includes('trip.completed'))?.id
  expect(first?.attributes).toMatchObject({
    'messaging.system': 'kafka',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'trip.completed',
    'messaging.destination.partition.id': '0',
    'messaging.consumer.group.name': 'rides',
    'ride_streams.task.id': `${task}_0`,
  })
  expect(Number(first?.attributes['messaging.kafka.offset'])).toBe(0)
  expect(first?.resource).toMatchObject({ 'service.name': 'rides', 'service.instance.id': 'i-1' })

  const parentOf = (spanId: string | undefined) => ({ traceparent: `00-${TRACE}-${spanId}-01`, tracestate: 'shop=1' })
  expect(outputs).toEqual([
    expect.objectContaining({ 'event-type': 'trip.state', ...parentOf(first?.spanId) }),
    expect.objectContaining(parentOf(first?.spanId)),
    expect.objectContaining({ 'event-type': 'analytics.hourly_revenue', ...parentOf(second?.spanId) }),
  ])
})

it('records are byte for byte the same when they are not sampled or tracing is off', async () => {
  const all = [
    'trip.state',
    'analytics.hourly_revenue',
    'rides-trip-state-changelog',
    'rides-hourly-revenue-changelog',
    REVENUE,
  ]
  const written = (app: MemoryApp) =>
    all.map((topic) =>
      app.records(topic).map(({ key, value, headers }) => [String(key), value?.toString('hex'), texts(headers)]),
    )
  const off = await rides()
  const opened = tracing(0)
  const on = await rides(opened.tracer)
  for (const app of [off, on]) {
    await feed(app, 't-1')
    await feed(app, 't-2', { traceparent: `00-${TRACE}-${PARENT}-00`, 'correlation-id': 'c' })
    await feed(app, 't-3', { traceparent: 'no trace context' })
  }
  expect(written(on)).toEqual(written(off))
  expect(JSON.stringify(written(on))).not.toContain('traceparent')
  // Nor do changelogs ever change.
  await feed(on, 't-4', { traceparent: `00-${TRACE}-${PARENT}-01` })
  await feed(off, 't-4', { traceparent: `00-${TRACE}-${PARENT}-01` })
  const changelogs = (app: MemoryApp) => written(app).slice(2, 4)
  expect(changelogs(on)).toEqual(changelogs(off))
  expect(JSON.stringify(written(off))).not.toContain('traceparent')
  for (const app of [off, on]) await app.instance.close()
  await opened.close()
  expect(receiver.spans.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE])
})

it('the sample ratio starts traces, and a record that fails a processor is an error in its trace', async () => {
  const opened = tracing(1)
  const app = new MemoryApp({
    plan: countingPlan({
      onRecord: (value) => {
        if (value === 'bad') throw new TypeError('it is bad')
      },
    }),
    topics: { in: 1, out: 1 },
    config: { processingExceptionHandler: 'dead-letter' },
    tracer: opened.tracer,
  })
  await app.start()
  for (const value of ['good', 'bad']) app.produce('in', 'a', value)
  await app.drained('in')
  await app.instance.close()
  await opened.close()
  const spans = receiver.spans.map(({ attributes, parentSpanId, status }) => [
    Number(attributes['messaging.kafka.offset']),
    parentSpanId,
    status,
  ])
  // The epoch of the bad record is thrown away, so the good one is processed, and traced, twice.
  expect(spans).toEqual([
    [0, '', 0],
    [1, '', 2],
    [0, '', 0],
  ])
})

it('undeliverable spans are reported and delay nothing', async () => {
  receiver.status = 400
  const opened = tracing(1)
  const app = await rides(opened.tracer)
  await feed(app, 't-1')
  await app.instance.close()
  await opened.close()
  expect(lost.map(({ message }) => message)).toEqual(['2 spans were not delivered'])
  expect(lastHeaders(app, 'trip.state').traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})
