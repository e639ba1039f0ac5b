import type { DeviceClock } from '../../topology/index.ts'
import type { TripEvent } from './ride-event.ts'

/**
 * The clock of the driver's phone says when something happened to a trip, from acceptance to completion. Requests and
 * cancellations come from the trip service, one of them for each trip: each counts for itself.
 */
export const tripClock: DeviceClock<string, TripEvent> = {
  deviceOf(tripId, { type, data }) {
    return type === 'trip.requested' || type === 'trip.cancelled' ? tripId : driverClock(tripId, data.driverId)
  },
  timeOf: (_tripId, { at }) => at,
}

/** A driver who is not named is known by the trip. */
export function driverClock(tripId: string, driverId: string | null | undefined): string {
  return driverId ?? `driver of ${tripId}`
}
