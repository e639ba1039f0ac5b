import type { LogRecord } from '../../../runtime/index.ts'
import { compareText } from '../../../state/index.ts'
import { type DriverOffer, offersIn } from './driver-offer.ts'

const MOST_TRIPS = 50_000
/** A driver who answers nothing is offered every trip around. */
export const MOST_OF_DRIVER = 100

interface Requested {
  readonly tripId: string
  /** Texts of one form: their order is that of the times. */
  readonly requestedAt: string
}

interface OfferedTrip extends Requested {
  readonly driverIds: readonly string[]
}

/*
 * Owns the offers that have been read and not removed, by driver.
 * 1. A trip has the offers of its last record, which may have none.
 * 2. At most MOST_TRIPS trips, and at most MOST_OF_DRIVER of a driver; the earliest requests go. Trips go a tenth at a time, because
 *    they have to be sorted for it.
 * 3. The order in which partitions are read makes no difference.
 */
export class OfferBook {
  readonly #mostTrips: number
  readonly #drivers = new Map<string, Map<string, DriverOffer>>()
  readonly #trips = new Map<string, OfferedTrip>()

  constructor(mostTrips = MOST_TRIPS) {
    this.#mostTrips = mostTrips
  }

  /** Returns the drivers whose offers have changed. */
  add(record: LogRecord): readonly string[] {
    const found = offersIn(record)
    if (found === null) return []
    const { tripId, requestedAt, offers } = found
    const before = this.remove(tripId)
    if (offers.length === 0) return before
    const driverIds = offers.map(([driverId]) => driverId)
    this.#trips.set(tripId, { tripId, requestedAt, driverIds })
    for (const [driverId, offer] of offers) {
      const own = this.#drivers.get(driverId) ?? new Map<string, DriverOffer>()
      this.#drivers.set(driverId, own.set(tripId, offer))
      if (own.size > MOST_OF_DRIVER) own.delete(earliestOf(own.values()))
    }
    const dropped = this.#trips.size > this.#mostTrips ? this.#dropEarliest() : []
    return [...before, ...driverIds, ...dropped]
  }

  /** Returns the drivers who had an offer of the trip. */
  remove(tripId: string): readonly string[] {
    const driverIds = this.#trips.get(tripId)?.driverIds ?? []
    this.#trips.delete(tripId)
    for (const driverId of driverIds) {
      const own = this.#drivers.get(driverId)
      own?.delete(tripId)
      if (own?.size === 0) this.#drivers.delete(driverId)
    }
    return driverIds
  }

  tripsOf(driverId: string): readonly string[] {
    return [...(this.#drivers.get(driverId)?.keys() ?? [])]
  }

  /** A page of JSON, the latest request first. */
  page(driverId: string, limit = MOST_OF_DRIVER): string {
    const rows = [...(this.#drivers.get(driverId)?.values() ?? [])].sort((a, b) => byRequest(b, a)).slice(0, limit)
    return JSON.stringify({ rows, nextCursor: null })
  }

  clear(): void {
    this.#drivers.clear()
    this.#trips.clear()
  }

  #dropEarliest(): string[] {
    const earliest = [...this.#trips.values()].sort(byRequest).slice(0, Math.ceil(this.#mostTrips / 10))
    return earliest.flatMap(({ tripId }) => this.remove(tripId))
  }
}

/** The tripId decides between requests of the same moment. */
function byRequest(a: Requested, b: Requested): number {
  return compareText(a.requestedAt, b.requestedAt) || compareText(a.tripId, b.tripId)
}

function earliestOf(offers: Iterable<DriverOffer>): string {
  return [...offers].reduce((first, offer) => (byRequest(offer, first) < 0 ? offer : first)).tripId
}
