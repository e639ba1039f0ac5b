import type { DeviceClock } from '../../topology/index.ts'
import type { TripEvent } from './ride-event.ts'

/**
 * The driver's phone times the events of a trip from acceptance to completion. Requests and cancellations come from the trip
 * service, one of them for each trip, and each counts for itself.
 */
export const tripClock: DeviceClock<string, TripEvent> = {
  deviceOf(tripId, { type, data }) {
    return type === 'trip.requested' || type === 'trip.cancelled' ? tripId : driverClock(tripId, data.driverId)
  },
  timeOf: (_tripId, { at }) => at,
}

/** An unnamed driver is identified by the trip. */
export function driverClock(tripId: string, driverId: string | null | undefined): string {
  return driverId ?? `driver of ${tripId}`
}
