import { distanceFrom, METERS_PER_DEGREE, type Point, RADIANS } from '../geo/great-circle.ts'
import { type DriverTable, NUMBERS } from './driver-table.ts'
import { MAX_OFFERS, OFFER_RADIUS_M } from './offer.ts'

/** A question for the nearest drivers. */
export interface Pickup extends Point {
  /** Drivers whose last event is older are left out, epoch ms. */
  readonly since: number
}

/** Up to this latitude the flat map is used. */
const FLAT_UP_TO = 80
/**
 * Squares of distances up to OFFER_RADIUS_M are wrong by less than this share on the flat map, and by less than a square centimetre
 * more: the map has the length of a degree of longitude half-way between pickup and driver.
 */
const FLAT_ERROR = 5e-6
const FLAT_ERROR_M2 = 1e-4
/** Two squares that differ by more are in the order of the exact distances. */
const DOUBT = 3 * FLAT_ERROR
const DOUBT_M2 = 3 * FLAT_ERROR_M2
const RADIUS_M2 = OFFER_RADIUS_M * OFFER_RADIUS_M

/** One more than are offered: whether the last of them is in doubt depends on who comes next. */
const KEPT = MAX_OFFERS + 1

/*
 * The nearest drivers of one question, nearest first, ties by driverId in UTF-16 code units. Drivers are compared by the flat map: sines
 * of all who are looked at would be most of the price of a search. When the map leaves doubt about any two neighbours of the list, all
 * are compared once more, by the great circle where it matters.
 *
 * Invariants:
 * 1. After look(), nobody who was looked at and is missing has a smaller square than the last of a full list of KEPT.
 * 2. After end(), the first `length` are in the exact order, and nobody who was looked at and is missing comes before the last of
 *    MAX_OFFERS.
 */
export class Nearest {
  length = 0
  readonly table: DriverTable
  /** The first `length` are the answer. */
  readonly slots = new Int32Array(KEPT)
  /** Squares of the distances, m², by the flat map or exact. */
  readonly squares = new Float64Array(KEPT)
  #pickup: Pickup = { lat: 0, lng: 0, since: 0 }
  #cosine = 1
  #isFlat = true
  /** Metres of a degree of longitude at the pickup; half-way to a driver who is a degree north of it, they are so many fewer. */
  #eastward = 0
  #narrowing = 0

  constructor(table: DriverTable) {
    this.table = table
  }

  begin(pickup: Pickup): void {
    const angle = pickup.lat * RADIANS
    this.#pickup = pickup
    this.#cosine = Math.cos(angle)
    this.#isFlat = Math.abs(pickup.lat) <= FLAT_UP_TO
    this.#eastward = METERS_PER_DEGREE * this.#cosine
    this.#narrowing = (METERS_PER_DEGREE * Math.sin(angle) * RADIANS) / 2
    this.length = 0
  }

  /** Metres. Nobody who is farther away can be among the nearest; Infinity: the list is not full. */
  get reach(): number {
    return this.length < MAX_OFFERS
      ? Number.POSITIVE_INFINITY
      : Math.sqrt(withDoubt(this.squares[MAX_OFFERS - 1] as number))
  }

  /** Looks at the first `count` of `slots`, each once, and at nobody else. */
  look(slots: Int32Array, count: number): void {
    const { numbers } = this.table
    const { lat, lng, since } = this.#pickup
    const { slots: nearest, squares } = this
    const eastward = this.#eastward
    const narrowing = this.#narrowing
    const isFlat = this.#isFlat
    let limit = withDoubt(RADIUS_M2)
    let length = 0
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number
      const at = slot * NUMBERS
      const north = (numbers[at] as number) - lat
      const up = north * METERS_PER_DEGREE
      const across = Math.abs((numbers[at + 1] as number) - lng)
      const right = (across > 180 ? 360 - across : across) * (eastward - narrowing * north)
      const square = isFlat ? up * up + right * right : this.#exactSquare(slot)
      if (square > limit || (numbers[at + 2] as number) < since) continue
      let place = length < KEPT ? length++ : KEPT - 1
      for (; place > 0 && square < (squares[place - 1] as number); place--) {
        squares[place] = squares[place - 1] as number
        nearest[place] = nearest[place - 1] as number
      }
      squares[place] = square
      nearest[place] = slot
      if (length === KEPT) limit = squares[KEPT - 1] as number
    }
    this.length = length
  }

  /** Sorts out the doubts about those of the last look(), and leaves out who is too far away. */
  end(slots: Int32Array, count: number): void {
    if (this.#isInDoubt()) this.#lookExactly(slots, count)
    this.length = Math.min(this.length, MAX_OFFERS)
    while (this.length > 0 && (this.squares[this.length - 1] as number) > RADIUS_M2 * (1 - DOUBT)) {
      if (this.distance(this.length - 1) <= OFFER_RADIUS_M) return
      this.length--
    }
  }

  /** Metres on the great circle. */
  distance(i: number): number {
    return this.#exact(this.slots[i] as number)
  }

  #isInDoubt(): boolean {
    const { squares } = this
    for (let i = 1; i < this.length; i++) {
      if ((squares[i] as number) <= withDoubt(squares[i - 1] as number)) return true
    }
    return false
  }

  #lookExactly(slots: Int32Array, count: number): void {
    const { numbers } = this.table
    this.length = 0
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number
      if ((numbers[slot * NUMBERS + 2] as number) >= this.#pickup.since) this.#add(slot, this.#exactSquare(slot))
    }
  }

  /** Puts one in its place, and drops the last of more than MAX_OFFERS. */
  #add(slot: number, square: number): void {
    const { slots, squares } = this
    let at = this.length
    while (at > 0 && this.#isBefore(slot, square, at - 1)) at--
    if (at === MAX_OFFERS) return
    if (this.length < MAX_OFFERS) this.length++
    for (let i = this.length - 1; i > at; i--) {
      slots[i] = slots[i - 1] as number
      squares[i] = squares[i - 1] as number
    }
    slots[at] = slot
    squares[at] = square
  }

  #isBefore(slot: number, square: number, i: number): boolean {
    const other = this.squares[i] as number
    if (Math.abs(square - other) > other * DOUBT + DOUBT_M2) return square < other
    const [here, there] = [this.#exact(slot), this.distance(i)]
    const { ids } = this.table
    return here === there ? (ids[slot] as string) < (ids[this.slots[i] as number] as string) : here < there
  }

  #exact(slot: number): number {
    const { numbers } = this.table
    const at = slot * NUMBERS
    return distanceFrom(this.#pickup, this.#cosine, numbers[at] as number, numbers[at + 1] as number)
  }

  #exactSquare(slot: number): number {
    const distance = this.#exact(slot)
    return distance * distance
  }
}

function withDoubt(square: number): number {
  return square * (1 + DOUBT) + DOUBT_M2
}
