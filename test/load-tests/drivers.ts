import { scatter } from '../../app/simulator/geo.ts'
import type { Random } from '../../app/simulator/random.ts'
import type { EventData } from '../../processors/events/schemas.ts'
import type { Point } from '../../processors/geo/great-circle.ts'

/** A driver tells its position so often, ms. */
export const PING_EVERY_MS = 2500
/** Some metres in 2.5 s, standard deviation. */
const STEP_M = 20
/** Manhattan and its surroundings. */
const CENTRE: Point = { lat: 40.75, lng: -73.98 }
const CITY_M = 2500

/** A place in the city: dense in the centre, like requests and drivers are. */
export function placeInCity(random: Random): Point {
  return scatter(CENTRE, CITY_M, random)
}

/*
 * Owns where the drivers are and who of them has a passenger.
 * 1. A driver serves one trip at a time.
 */
export class Drivers {
  readonly #random: Random
  readonly #places: Point[]
  readonly #busy = new Set<string>()

  constructor(count: number, random: Random) {
    this.#random = random
    this.#places = Array.from({ length: count }, () => placeInCity(random))
  }

  get count(): number {
    return this.#places.length
  }

  /** Moves the driver of this number a little, and returns what its device tells. */
  ping(index: number): EventData['driver.location.updated'] {
    const place = scatter(this.#places[index] as Point, STEP_M, this.#random)
    this.#places[index] = place
    const driverId = `driver-${index}`
    return { driverId, location: place, status: this.#busy.has(driverId) ? 'on_trip' : 'available' }
  }

  /** The first of these drivers who is free takes the trip; null when all of them have another one. */
  take(offered: readonly string[]): string | null {
    const driverId = offered.find((one) => !this.#busy.has(one)) ?? null
    if (driverId !== null) this.#busy.add(driverId)
    return driverId
  }

  release(driverId: string): void {
    this.#busy.delete(driverId)
  }
}
