import type { RideInputRecord } from './ride-input.ts'

let made = 0

export interface EventOptions {
  /** Default: one of its own. */
  readonly eventId?: string
  readonly correlationId?: string
}

/** A valid record as a producer sends it, with the data given. */
export function rideEvent(
  topic: string,
  id: string,
  at: number,
  data: Record<string, unknown>,
  { eventId = `event-${made++}`, correlationId }: EventOptions = {},
): RideInputRecord {
  const envelope = {
    eventId,
    eventType: topic,
    eventVersion: '1.0',
    timestamp: new Date(at).toISOString(),
    ...(correlationId === undefined ? {} : { correlationId }),
    data: { [topic === 'driver.location.updated' ? 'driverId' : 'tripId']: id, ...data },
  }
  const value = Buffer.from(JSON.stringify(envelope))
  return { topic, key: Buffer.from(id), value, timestamp: at, partitionHint: null, invalid: null }
}

export function requested(tripId: string, at: number, pickup: object, options?: EventOptions): RideInputRecord {
  const data = { passengerId: 'p', pickup, dropoff: { lat: 0, lng: 0 }, estimatedFare: 10, vehicleType: 'standard' }
  return rideEvent('trip.requested', tripId, at, data, options)
}

export function completed(tripId: string, at: number, data: object = {}, options?: EventOptions): RideInputRecord {
  return rideEvent('trip.completed', tripId, at, { finalFare: 10, ...data }, options)
}

export function driverAt(
  driverId: string,
  at: number,
  location: object,
  status: string | undefined = 'available',
): RideInputRecord {
  return rideEvent('driver.location.updated', driverId, at, { location, ...(status === '' ? {} : { status }) })
}
