import type { Point } from '../../processors/geo/great-circle.ts'
import { along, metersBetween, scatter } from './geo.ts'
import type { Random } from './random.ts'

interface Driver {
  readonly id: string
  /** The driver is busy before that, epoch ms. */
  freeAt: number
  position: Point
}

export interface Booking {
  readonly driverId: string
  /** Where the driver sets out for the pickup. */
  readonly origin: Point
}

/** The fastest approach to a pickup, in metres per second: a driver who would have to be faster has moved there unseen. */
const FASTEST_APPROACH = 14

/**
 * Drivers of a city. Invariant: a driver has at most one ride at any time; between two rides are at least
 * `PAUSE_MS`. Rides must be booked in order of acceptance.
 */
export class Fleet {
  static readonly PAUSE_MS = 2000
  readonly #drivers: Driver[] = []
  readonly #homes: readonly Point[]
  readonly #random: Random

  constructor(size: number, homes: readonly Point[], random: Random) {
    this.#homes = homes
    this.#random = random
    for (let i = 0; i < size; i++) this.#hire()
  }

  /** Books the nearest free driver; when all are busy, the fleet grows by one. */
  book(pickup: Point, acceptedAt: number, startedAt: number): Booking {
    const driver = this.#nearestFree(pickup, acceptedAt) ?? this.#hire()
    const distance = metersBetween(driver.position, pickup)
    const reach = (FASTEST_APPROACH * (startedAt - acceptedAt)) / 1000
    const origin = distance <= reach ? driver.position : along(pickup, driver.position, reach / distance)
    driver.freeAt = Number.POSITIVE_INFINITY
    return { driverId: driver.id, origin }
  }

  /** Ends the driver's ride there. */
  release(driverId: string, at: number, position: Point): void {
    const driver = this.#drivers[Number(driverId.slice(PREFIX.length)) - 1]
    if (driver === undefined) throw new RangeError(`there is no driver ${driverId}`)
    driver.freeAt = at + Fleet.PAUSE_MS
    driver.position = position
  }

  #nearestFree(pickup: Point, at: number): Driver | null {
    let nearest: Driver | null = null
    let least = Number.POSITIVE_INFINITY
    for (const driver of this.#drivers) {
      if (driver.freeAt > at) continue
      const distance = metersBetween(driver.position, pickup)
      if (distance < least) {
        least = distance
        nearest = driver
      }
    }
    return nearest
  }

  #hire(): Driver {
    const position = scatter(this.#random.pick(this.#homes), 600, this.#random)
    const driver = { id: driverIdOf(this.#drivers.length + 1), freeAt: Number.NEGATIVE_INFINITY, position }
    this.#drivers.push(driver)
    return driver
  }
}

const PREFIX = 'driver-'

export function driverIdOf(number: number): string {
  return PREFIX + String(number).padStart(5, '0')
}
