import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { rideViews } from '../../../app/http/ride-views.ts'
import { driverSchema, revenueSchema, tripSchema } from '../../../app/http/schemas.ts'
import { applyDriverEvent } from '../../../processors/driver-cells/driver-cells.ts'
import { parseEvent } from '../../../processors/events/event-serde.ts'
import type { DriverEvent, TripEvent } from '../../../processors/events/ride-event.ts'
import { foldTrip } from '../../../processors/trip-state/trip-state.ts'

function event(eventType: string, data: object) {
  const envelope = { eventId: 'e', eventType, eventVersion: '1.0', timestamp: '2019-03-01T10:00:00Z', data }
  return parseEvent(eventType, Buffer.from(JSON.stringify(envelope)))
}

const requested = event('trip.requested', {
  tripId: 't',
  passengerId: 'p',
  pickup: { lat: 40.7, lng: -74, address: 'Here' },
  dropoff: { lat: 40.8, lng: -73.9 },
  estimatedFare: 9.99,
  vehicleType: 'yellow',
}) as TripEvent
const completed = event('trip.completed', { tripId: 't', finalFare: 12.5 }) as TripEvent

/** Answers as they leave the server, against the schemas that /openapi.json shows. */
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('answers conform to their documented schemas', () => {
  it.each([
    ['requested', [requested]],
    ['completed', [requested, completed]],
    ['completed alone', [completed]],
  ])('of a trip %s', (_name, events) => {
    const answer = overTheWire(rideViews.trips.view('t', { value: foldTrip(events), timestamp: 1 }))
    expect([...Value.Errors(tripSchema, answer)]).toEqual([])
    expect(answer).toMatchObject({ tripId: 't', status: events.includes(completed) ? 'completed' : 'requested' })
  })

  it('of a driver, stored with or without a timestamp', () => {
    const ping = event('driver.location.updated', { driverId: 'd', location: { lat: 40.7, lng: -74 } }) as DriverEvent
    const stored = applyDriverEvent(null, ping, 9)
    const answer = overTheWire(rideViews.drivers.view('d', stored))
    expect([...Value.Errors(driverSchema, answer)]).toEqual([])
    expect(answer).toMatchObject({ driverId: 'd', lat: 40.7, lng: -74, status: null, at: '2019-03-01T10:00:00.000Z' })
    expect(overTheWire(rideViews.drivers.view('d', { value: stored, timestamp: 5 }))).toEqual(answer)
  })

  it('of revenue', () => {
    const stored = { value: { cents: 1250, trips: 2 }, timestamp: 1 }
    const answer = overTheWire(rideViews.revenue.view('2019-03-01T10:00:00Z', stored))
    expect([...Value.Errors(revenueSchema, answer)]).toEqual([])
    expect(answer).toEqual({ hour: '2019-03-01T10:00:00Z', revenue: 12.5, trips: 2 })
  })
})
