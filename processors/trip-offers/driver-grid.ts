import type { Point } from '../geo/great-circle.ts'
import { DriverTable, NUMBERS } from './driver-table.ts'
import { Nearest, type Pickup } from './nearest.ts'
import { OFFER_RADIUS_M } from './offer.ts'
import { Squares } from './squares.ts'

/*
 * Where available drivers are. A search looks at the squares around the pickup, as far as the last searches there had to go for ten
 * drivers: small squares where drivers are many and large ones where they are few. So it costs what the ten cost, not what the city
 * holds.
 *
 * Invariants:
 * 1. Each driver put and not removed stands in one large square, that of the last position, and in one small one, once there have been
 *    SMALL_FROM drivers.
 * 2. What is remembered of former searches says where a search begins. It does not change what is found.
 */

/** Some two kilometres, and some 250 metres. */
const LARGE_DEGREES = 0.02
const SMALL_DEGREES = 0.0025
/** Small squares are of no use with fewer drivers in all. */
const SMALL_FROM = 2000
/** A search that goes no farther looks at small squares, metres. */
const SMALL_UP_TO_M = 750
/** Where the first search of a place begins, metres. */
const FIRST_M = 1000
/** A search begins a little farther out than the last ones had to go, and they count for more than the last one alone. */
const FARTHER = 1.15
const WEIGHT_OF_LAST = 0.25
/** Places of which is remembered how far searches had to go. Large squares share them. */
const PLACES = 1024

export class DriverGrid {
  readonly #table = new DriverTable()
  readonly #large = new Squares(LARGE_DEGREES)
  #small: Squares | null = null
  readonly #nearest = new Nearest(this.#table)
  /** By place, metres. */
  readonly #reaches = new Float64Array(PLACES).fill(FIRST_M / FARTHER)

  /** The driver is there now. @param at time of the event, epoch ms */
  put(driverId: string, position: Point, at: number): void {
    const slot = this.#table.put(driverId, position, at)
    this.#large.put(slot, position.lat, position.lng)
    if (this.#small !== null) this.#small.put(slot, position.lat, position.lng)
    else if (this.#table.size >= SMALL_FROM) this.#small = this.#withSmallSquares()
  }

  remove(driverId: string): void {
    const slot = this.#table.slotOf(driverId)
    if (slot === undefined) return
    this.#large.remove(slot)
    this.#small?.remove(slot)
  }

  /** The nearest within OFFER_RADIUS_M, at most MAX_OFFERS. The answer is good until the next question. */
  nearest(pickup: Pickup): Nearest {
    const { lat, lng } = pickup
    const nearest = this.#nearest
    const place = this.#large.keyAt(lat, lng) & (PLACES - 1)
    const known = this.#reaches[place] as number
    let radius = Math.min(known * FARTHER, OFFER_RADIUS_M)
    nearest.begin(pickup)
    for (;;) {
      const squares = this.#small !== null && radius <= SMALL_UP_TO_M ? this.#small : this.#large
      const count = squares.around(lat, lng, radius)
      nearest.look(squares.slots, count)
      const { reach } = nearest
      if (reach <= radius || radius >= OFFER_RADIUS_M) {
        this.#reaches[place] = known + (Math.min(reach, OFFER_RADIUS_M) - known) * WEIGHT_OF_LAST
        nearest.end(squares.slots, count)
        return nearest
      }
      radius = Math.min(reach, 2 * radius, OFFER_RADIUS_M)
    }
  }

  #withSmallSquares(): Squares {
    const squares = new Squares(SMALL_DEGREES)
    const { numbers, size } = this.#table
    for (let slot = 0; slot < size; slot++) {
      if (this.#large.has(slot))
        squares.put(slot, numbers[slot * NUMBERS] as number, numbers[slot * NUMBERS + 1] as number)
    }
    return squares
  }
}
