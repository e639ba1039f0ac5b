import { TRACEPARENT } from '../../../processors/events/correlation-headers.ts'
import { TRIP_OFFERS_TOPIC } from '../../../processors/topics.ts'
import type { TripOffers } from '../../../processors/trip-offers/offer-gathering.ts'
import type { LogRecord } from '../../../runtime/index.ts'
import { readOutput } from '../../events/read-output.ts'

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

/** The offers of one request; none when no driver was near. */
export interface RequestOffers {
  readonly tripId: string
  readonly requestedAt: string
  readonly offers: ReadonlyArray<readonly [driverId: string, DriverOffer]>
}

/** The offers in a record of trip.offers; null when it is no such record, because another program wrote it. */
export function offersIn({ value, headers, failure }: LogRecord): RequestOffers | null {
  if (failure !== undefined || value === null) return null
  let found: TripOffers
  try {
    found = readOutput(TRIP_OFFERS_TOPIC, value)
  } catch {
    return null
  }
  const { tripId, requestedAt, pickup, offers } = found
  const traceparent = [...headers].find(({ key }) => key === TRACEPARENT)?.value?.toString('utf8') ?? null
  return {
    tripId,
    requestedAt,
    offers: offers.map(({ driverId, distanceMeters }) => [
      driverId,
      { tripId, requestedAt, pickup, distanceMeters, traceparent },
    ]),
  }
}
