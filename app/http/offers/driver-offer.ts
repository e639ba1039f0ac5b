import type { TripOffers } from '../../../processors/trip-offers/offer-gathering.ts'
import type { LogRecord } from '../../../runtime/index.ts'

/** An offer as its driver sees it. */
export interface DriverOffer {
  readonly tripId: string
  /** UTC with milliseconds. */
  readonly requestedAt: string
  readonly pickup: TripOffers['pickup']
  /** From the driver to the pickup, metres. */
  readonly distanceMeters: number
  /** The W3C trace context of the request; null when it had none. */
  readonly traceparent: string | null
}

/** The offers in a record of trip.offers, by driver; null when it is no such record. */
export function offersIn({
  value,
  headers,
}: LogRecord): ReadonlyArray<readonly [driverId: string, DriverOffer]> | null {
  if (value === null) return null
  let found: Partial<TripOffers>
  try {
    found = JSON.parse(value.toString('utf8')) as Partial<TripOffers>
  } catch {
    return null
  }
  const { tripId, requestedAt, pickup, offers } = found ?? {}
  if (tripId === undefined || requestedAt === undefined || pickup === undefined || !Array.isArray(offers)) return null
  const trace = [...headers].find(({ key }) => key === 'traceparent')?.value?.toString('utf8') ?? null
  return offers.map(({ driverId, distanceMeters }) => [
    driverId,
    { tripId, requestedAt, pickup, distanceMeters, traceparent: trace },
  ])
}
