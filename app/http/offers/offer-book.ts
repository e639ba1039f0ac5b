import type { LogRecord } from '../../../runtime/index.ts'
import { type DriverOffer, offersIn } from './driver-offer.ts'

const MOST_TRIPS = 50_000
/** A driver who answers nothing is offered every trip around. */
export const MOST_OF_DRIVER = 100

/*
 * Owns the offers that have been read and not removed, by driver.
 * 1. A trip has the offers of its last record.
 * 2. At most MOST_TRIPS trips, and at most MOST_OF_DRIVER of a driver; the ones that were read first go.
 */
export class OfferBook {
  /** In the order in which they were read. */
  readonly #drivers = new Map<string, Map<string, DriverOffer>>()
  readonly #trips = new Map<string, readonly string[]>()

  /** Returns the drivers whose offers have changed. */
  add(record: LogRecord): readonly string[] {
    const offers = offersIn(record)
    const [first] = offers ?? []
    if (offers === null || first === undefined) return []
    const { tripId } = first[1]
    const before = this.remove(tripId)
    this.#trips.set(
      tripId,
      offers.map(([driverId]) => driverId),
    )
    for (const [driverId, offer] of offers) {
      const own = this.#drivers.get(driverId) ?? new Map<string, DriverOffer>()
      this.#drivers.set(driverId, own.set(tripId, offer))
      if (own.size > MOST_OF_DRIVER) own.delete(firstOf(own))
    }
    const dropped = this.#trips.size > MOST_TRIPS ? this.remove(firstOf(this.#trips)) : []
    return [...before, ...offers.map(([driverId]) => driverId), ...dropped]
  }

  /** Returns the drivers who had an offer of the trip. */
  remove(tripId: string): readonly string[] {
    const driverIds = this.#trips.get(tripId) ?? []
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

  /** A page of JSON, the latest first. */
  page(driverId: string, limit = MOST_OF_DRIVER): string {
    const rows = [...(this.#drivers.get(driverId)?.values() ?? [])].reverse().slice(0, limit)
    return JSON.stringify({ rows, nextCursor: null })
  }

  clear(): void {
    this.#drivers.clear()
    this.#trips.clear()
  }
}

function firstOf(map: ReadonlyMap<string, unknown>): string {
  const [first = ''] = map.keys()
  return first
}
