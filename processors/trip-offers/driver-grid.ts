import { distanceFrom, METERS_PER_DEGREE, type Point, RADIANS } from '../geo/great-circle.ts'
import { MAX_OFFERS, Nearest, OFFER_RADIUS_M } from './offer.ts'
import { NUMBERS, type Place, Seen, type Square, Squares, type SquareVisitor } from './squares.ts'

/*
 * Where available drivers are. A search looks at squares in growing boxes around the pickup until no square left can hold one of the
 * nearest ten, small squares where drivers are many and large ones where they are few. So it costs what the ten cost, not what
 * the city holds.
 *
 * Invariants:
 * 1. Each driver put and not removed stands in one large square, that of the last position, and in one small one, once there have been
 *    SMALL_FROM drivers.
 */

/** Some two kilometres, and some 250 metres. */
const LARGE_DEGREES = 0.02
const SMALL_DEGREES = 0.0025
/** How far a box grows at a time, metres. */
const LARGE_STEP_M = 1000
const SMALL_STEP_M = 250
/** Small squares are of no use with fewer drivers in all. */
const SMALL_FROM = 2000
/** With so many drivers in the pickup's large square the ten are likely to be within LARGE_STEP_M. */
const MANY = 50

/** Up to this latitude, and over distances about OFFER_RADIUS_M, a flat map is wrong by less than FLAT_ERROR. */
const FLAT_UP_TO = 80
const FLAT_ERROR = 0.01
/** A driver who is this many times as far away on the flat map as the tenth there cannot be one of the nearest ten. */
const FLAT_SLACK = 1 + 3 * FLAT_ERROR
/** Metres that rounding alone may make. */
const ROUNDING_M = 0.01

class Driver {
  readonly driverId: string
  readonly large: Place<Driver> = { square: null, slot: -1 }
  readonly small: Place<Driver> = { square: null, slot: -1 }

  constructor(driverId: string) {
    this.driverId = driverId
  }
}

/** A question for the nearest drivers. */
export interface Pickup extends Point {
  /** Drivers whose last event is older are left out, epoch ms. */
  readonly since: number
}

export class DriverGrid {
  readonly #drivers = new Map<string, Driver>()
  readonly #large = new Squares<Driver>(LARGE_DEGREES, ({ large }) => large)
  #small: Squares<Driver> | null = null
  readonly #search = new Search()

  /** The driver is there now. @param at time of the event, epoch ms */
  put(driverId: string, position: Point, at: number): void {
    let driver = this.#drivers.get(driverId)
    if (driver === undefined) {
      driver = new Driver(driverId)
      this.#drivers.set(driverId, driver)
    }
    this.#large.put(driver, position, at)
    if (this.#small !== null) this.#small.put(driver, position, at)
    else if (this.#drivers.size >= SMALL_FROM) this.#small = this.#withSmallSquares()
  }

  remove(driverId: string): void {
    const driver = this.#drivers.get(driverId)
    if (driver === undefined) return
    this.#drivers.delete(driverId)
    this.#large.remove(driver)
    this.#small?.remove(driver)
  }

  /** The nearest within OFFER_RADIUS_M, at most MAX_OFFERS. The answer is good until the next question. */
  nearest(pickup: Pickup): Nearest {
    const search = this.#search
    if (this.#small !== null && this.#large.countAt(pickup) >= MANY) {
      lookAround(search, this.#small, pickup, { step: SMALL_STEP_M, radius: LARGE_STEP_M })
      if (search.nearest.length === MAX_OFFERS) return search.nearest
    }
    lookAround(search, this.#large, pickup, { step: LARGE_STEP_M, radius: OFFER_RADIUS_M })
    return search.nearest
  }

  #withSmallSquares(): Squares<Driver> {
    const squares = new Squares<Driver>(SMALL_DEGREES, ({ small }) => small)
    for (const driver of this.#drivers.values()) {
      const { square, slot } = driver.large
      const [lat = 0, lng = 0, at = 0] = square?.numbers.slice(slot * NUMBERS, (slot + 1) * NUMBERS) ?? []
      squares.put(driver, { lat, lng }, at)
    }
    return squares
  }
}

/** Grows the box until it holds the nearest ten, or all within `radius`. */
function lookAround(
  search: Search,
  squares: Squares<Driver>,
  pickup: Pickup,
  { step, radius }: { readonly step: number; readonly radius: number },
): void {
  search.begin(pickup, radius)
  const seen = search.seen
  let reached = step
  for (;;) {
    squares.forEachAround(pickup, reached, seen, search)
    const { reach } = search
    if (reached >= radius || (search.hasTen && reach <= reached)) break
    // Once there are ten, nobody beyond their reach is of interest.
    reached = Math.min(reached + step, radius, search.hasTen ? reach + ROUNDING_M : radius)
  }
  search.end()
}

/*
 * Finds the nearest among the drivers of some squares: first by the flat map, which is fast, and exactly those that may be among them.
 * The lists are used again and again, and keep what was in them: a list that is emptied and filled again allocates its elements anew.
 */
class Search implements SquareVisitor<Driver> {
  /** There after end(). */
  readonly nearest = new Nearest()
  readonly seen = new Seen()
  #pickup: Pickup = { lat: 0, lng: 0, since: 0 }
  #cosine = 1
  #radius = 0
  /** Metres per degree of longitude. */
  #eastward = 0
  #isFlat = true
  /** Squares of the smallest distances on the flat map, ascending. */
  readonly #smallest: number[] = new Array(MAX_OFFERS).fill(0)
  #smallestCount = 0
  /** The greatest square of a distance on the flat map that is of interest. */
  #reachSquared = 0
  /** Drivers who were within reach, in the order in which they were found. */
  readonly #drivers: Driver[] = []
  /** For each of them the square of the distance on the flat map, latitude, longitude. */
  readonly #numbers: number[] = []
  #count = 0

  begin(pickup: Pickup, radius: number): void {
    this.#pickup = pickup
    this.#radius = radius
    this.#cosine = Math.cos(pickup.lat * RADIANS)
    this.#eastward = METERS_PER_DEGREE * this.#cosine
    this.#isFlat = Math.abs(pickup.lat) <= FLAT_UP_TO
    this.#smallestCount = 0
    this.#reachSquared = squareOfReach(radius)
    this.#count = 0
    this.seen.clear()
  }

  get hasTen(): boolean {
    return this.#smallestCount === MAX_OFFERS
  }

  /** Metres. Nobody who is farther away can be among the nearest. */
  get reach(): number {
    return Math.sqrt(this.#reachSquared)
  }

  visit({ items, numbers }: Square<Driver>): void {
    const { lat, lng, since } = this.#pickup
    const eastward = this.#eastward
    const found = this.#numbers
    for (let i = 0; i < items.length; i++) {
      const driverLat = numbers[i * NUMBERS] as number
      const driverLng = numbers[i * NUMBERS + 1] as number
      const up = (driverLat - lat) * METERS_PER_DEGREE
      const across = Math.abs(driverLng - lng)
      const right = (across > 180 ? 360 - across : across) * eastward
      const flat = this.#isFlat ? up * up + right * right : this.#squared(driverLat, driverLng)
      if (flat > this.#reachSquared || (numbers[i * NUMBERS + 2] as number) < since) continue
      const at = this.#count++
      this.#drivers[at] = items[i] as Driver
      found[at * NUMBERS] = flat
      found[at * NUMBERS + 1] = driverLat
      found[at * NUMBERS + 2] = driverLng
      this.#note(flat)
    }
  }

  /** Sorts out who is nearest. */
  end(): void {
    const { nearest } = this
    const found = this.#numbers
    nearest.clear()
    for (let i = 0; i < this.#count; i++) {
      if ((found[i * NUMBERS] as number) > this.#reachSquared) continue
      const lat = found[i * NUMBERS + 1] as number
      const lng = found[i * NUMBERS + 2] as number
      const distance = distanceFrom(this.#pickup, this.#cosine, lat, lng)
      if (distance > this.#radius) continue
      nearest.add((this.#drivers[i] as Driver).driverId, distance, lat, lng)
    }
  }

  #note(flat: number): void {
    const smallest = this.#smallest
    let at = this.#smallestCount
    if (at < MAX_OFFERS) this.#smallestCount++
    else if (flat >= (smallest[--at] as number)) return
    for (; at > 0 && flat < (smallest[at - 1] as number); at--) smallest[at] = smallest[at - 1] as number
    smallest[at] = flat
    if (this.#smallestCount < MAX_OFFERS) return
    this.#reachSquared = Math.min(this.#reachSquared, squareOfReach(Math.sqrt(smallest[MAX_OFFERS - 1] as number)))
  }

  #squared(lat: number, lng: number): number {
    const distance = distanceFrom(this.#pickup, this.#cosine, lat, lng)
    return distance * distance
  }
}

/** How far on the flat map somebody within that distance can be at most; squared. */
function squareOfReach(meters: number): number {
  const reach = meters * FLAT_SLACK + ROUNDING_M
  return reach * reach
}
