import { deepEqual, equal, rejects } from 'node:assert/strict'
import { KafkaStreams } from 'ride-streams'
import { NotFoundError, RideStreamsClient, type Trip } from 'ride-streams/client'
import { InvalidRecordError, openEventProducer, readEvents } from 'ride-streams/events'

const [url = '', brokers = ''] = process.argv.slice(2)
const client = new RideStreamsClient({ url, token: process.env.HTTP_TOKEN ?? null })
const producer = await openEventProducer({ brokers: [brokers], clientId: 'somebody-else' })

const request = {
  tripId: 'trip-1',
  passengerId: 'p-1',
  pickup: { lat: 40.75, lng: -73.98 },
  dropoff: { lat: 40.65, lng: -73.78 },
  estimatedFare: 52,
  vehicleType: 'yellow',
}

// A consumer reads what was sent.
const written = await producer.send('trip.requested', request)
equal(written.topic, 'trip.requested')
const { value: trip } = await client.trip('trip-1', { minOffset: written })
const status: Trip['status'] = trip.status
deepEqual([status, trip.estimatedFare, trip.pickup?.lat, trip.finalFare], ['requested', 52, 40.75, null])
await rejects(client.trip('trip-2'), (error) => error instanceof NotFoundError && error.code === 'NOT_FOUND')

// A change is reported as it comes.
const seen: string[] = []
for await (const state of client.tripStates('trip-1')) {
  seen.push(state.status)
  if (state.status === 'requested') void producer.send('trip.completed', { tripId: 'trip-1', finalFare: 50.5 })
  if (state.status === 'completed') break
}
deepEqual(seen, ['requested', 'completed'])

// The past of one trip.
const seenTypes: string[] = []
const past = readEvents({ brokers: [brokers], clientId: 'somebody-else' }, 'trip.*', { key: 'trip-1' })
for await (const received of past) {
  if (received.kind === 'event') seenTypes.push(received.event.type)
}
deepEqual(seenTypes.sort(), ['trip.completed', 'trip.requested'])

// Types hold at the border: each of these lines must be an error to the compiler.
// @ts-expect-error a fare is a number
await rejects(async () => producer.send('trip.completed', { tripId: 't', finalFare: '1' }), InvalidRecordError)
// @ts-expect-error no such status
await rejects(client.trips({ status: 'lost' }))
// @ts-expect-error a trip has no such field
equal(trip.colour, undefined)
await producer.close()

// A topology of one's own on the same broker.
const streams = new KafkaStreams(new URL('./vehicles.js', import.meta.url), {
  applicationId: 'vehicles',
  brokers,
  stateDir: './vehicles-state',
})
await streams.start()
let count: unknown = null
for (const deadline = Date.now() + 30_000; count === null && Date.now() < deadline; ) {
  const row = await streams.get('requests-by-vehicle', 'yellow').catch(() => null)
  count = (row?.result as { value: number } | null | undefined)?.value ?? null
  await new Promise((resolve) => setTimeout(resolve, 100))
}
equal(count, 1)
await streams.close()
