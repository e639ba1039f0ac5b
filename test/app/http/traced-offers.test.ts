import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DriverOffer } from '../../../app/http/offers/driver-offer.ts'
import { OfferDesk } from '../../../app/http/offers/offer-desk.ts'
import { tailOf } from '../../../app/topics/open-tail.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { openTracing, type Tracing } from '../../../infra/tracing/otel-tracing.ts'
import { rideTopics } from '../../../processors/ride-topics.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { TRIP_OFFERS_TOPIC } from '../../../processors/topics.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { feedRides } from '../../support/feed-rides.ts'
import { MemoryApp } from '../../support/memory-app.ts'
import { OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts'
import { driverAt, requested } from '../../support/ride-events.ts'

/* One trace leads from a request through both repartition topics to the offer and to the push. */

const PARTITIONS = 2
const NOW = Date.parse('2019-03-01T10:00:00Z')
const here = { lat: 40.7, lng: -74 }
const TRACES = { a: '0af7651916cd43dd8448eb211c80319c', b: '1af7651916cd43dd8448eb211c80319c' }
const SENDERS = { a: 'b7ad6b7169203331', b: 'c7ad6b7169203331' }

let receiver: OtlpReceiver
let tracing: Tracing
let app: MemoryApp
let desk: OfferDesk

beforeAll(async () => {
  receiver = await OtlpReceiver.start()
  tracing = openTracing({ endpoint: receiver.endpoint, ratio: 0, applicationId: 'o', instanceId: 'i' }, (error) => {
    throw error
  })
  const processors = ['trip-state', 'driver-cells', 'trip-offers'] as const
  const names = rideTopics({ applicationId: 'o', outputRetentionMs: -1 }).map(({ name }) => name)
  app = new MemoryApp({
    plan: buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: 'o' }),
    topics: Object.fromEntries(names.map((name) => [name, PARTITIONS])),
    tracer: tracing.tracer,
  })
  await app.start()
  const base = { cluster: app.cluster, clock: realClock, client: 'offers', network: IDEAL_NETWORK }
  desk = new OfferDesk({
    tracer: tracing.tracer,
    open: () => {
      const reader = new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 100 })
      const clients = { admin: new MemoryAdmin(base), reader, close: () => reader.close() }
      return tailOf(clients, { topic: TRIP_OFFERS_TOPIC, partitions: PARTITIONS, records: 100 })
    },
    isWaiting: async () => true,
    onFailed: (error) => {
      throw error
    },
  })
})
afterAll(async () => {
  await desk.close()
  await app.instance.close()
  receiver.close()
})

it('each of the requests of one batch has every step in its own trace, up to the push', async () => {
  await feedRides(app, PARTITIONS, [driverAt('near', NOW, here)])
  await desk.read('near', 10)
  const pages: (readonly DriverOffer[])[] = []
  desk.listen('near', { changed: (json) => pages.push(JSON.parse(json).rows), lost: () => undefined })
  const contexts = { a: traceparent('a'), b: traceparent('b'), c: null }
  // In one partition and one fetch: one batch has all three.
  app.cluster.append(
    { topic: 'trip.requested', partition: 0 },
    Object.entries(contexts).map(([tripId, context]) => {
      const { key, value, timestamp } = requested(tripId, NOW + 1, here)
      const headers = context === null ? [] : [{ key: 'traceparent', value: Buffer.from(context) }]
      return { key, value, timestamp, headers }
    }),
  )
  await app.time.until('offered', () => app.records(TRIP_OFFERS_TOPIC).length === 3)
  await expect.poll(() => pages.at(-1)?.length).toBe(3)
  expect(app.records('o-trip-offers-requests-repartition')).toHaveLength(PARTITIONS)
  await tracing.close()

  for (const tripId of ['a', 'b'] as const) {
    const spans = receiver.spans.filter(({ traceId }) => traceId === TRACES[tripId])
    const push = spans.find(({ name }) => name === 'push trip.offers')
    const offered = pages.at(-1)?.find((offer) => offer.tripId === tripId)
    expect(offered?.traceparent).toBe(`00-${TRACES[tripId]}-${push?.parentSpanId}-01`)
    expect(way(push, spans)).toEqual([
      `sender ${SENDERS[tripId]}`,
      'process trip.requested',
      'process o-trip-offers-requests-repartition',
      'process o-trip-offers-nearest-repartition',
      'push trip.offers',
    ])
    // Every task of drivers is a step of its own.
    expect(spans.map(({ name }) => name).filter((name) => name.includes('nearest'))).toHaveLength(PARTITIONS)
  }
  expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(new Set(Object.values(TRACES)))
  expect(pages.at(-1)?.find(({ tripId }) => tripId === 'c')?.traceparent).toBeNull()
})

function traceparent(of: 'a' | 'b'): string {
  return `00-${TRACES[of]}-${SENDERS[of]}-01`
}

/** Names of the spans that lead to this one, and the span of the producer. */
function way(last: ReceivedSpan | undefined, spans: readonly ReceivedSpan[]): readonly string[] {
  if (last === undefined) return []
  const before = spans.find(({ spanId }) => spanId === last.parentSpanId)
  return [...(before === undefined ? [`sender ${last.parentSpanId}`] : way(before, spans)), last.name]
}
