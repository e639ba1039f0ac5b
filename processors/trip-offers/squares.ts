import { EARTH_RADIUS_M, type Point, RADIANS } from '../geo/great-circle.ts'

/*
 * Things on the globe, in squares of one size.
 *
 * Invariants:
 * 1. What was put and not removed stands in exactly one square, that of its last position.
 * 2. A row of squares is `rowDegrees` high. It is cut into as many squares as make them about as wide as high, at least one, so the
 *    squares of two rows do not stand below each other.
 * 3. Squares without anything are not kept.
 */

/** More than any row has. */
const MOST_COLUMNS = 2 ** 18
/** About a centimetre: what rounding may do to something on the edge of a box. */
const MARGIN_DEGREES = 1e-7

/** Numbers kept for each item of a square: latitude, longitude, time. */
export const NUMBERS = 3

/** The numbers stand side by side, as most of what a search looks at is too far away, and then the item itself is not needed. */
export interface Square<T> {
  readonly items: T[]
  readonly numbers: number[]
}

/** Where something stands: its square, and its place in it. */
export interface Place<T> {
  square: Square<T> | null
  id: number
  slot: number
}

export interface SquareVisitor<T> {
  visit(square: Square<T>): void
}

/** Squares of a row that have been looked at; below 0 or beyond the last they go on at the other end. */
interface Columns {
  readonly row: number
  from: number
  to: number
}

/** The boxes that a search has looked at so far. */
export type Seen = Columns[]

export class Squares<T> {
  readonly #rowDegrees: number
  /** Squares in each row. The last row is the north pole itself. */
  readonly #columns: Int32Array
  readonly #placeOf: (item: T) => Place<T>
  readonly #squares = new Map<number, Square<T>>()

  constructor(rowDegrees: number, placeOf: (item: T) => Place<T>) {
    this.#rowDegrees = rowDegrees
    this.#placeOf = placeOf
    const rows = Math.round(180 / rowDegrees)
    this.#columns = Int32Array.from({ length: rows + 1 }, (_, row) =>
      Math.max(1, Math.floor((360 * Math.cos((row + 0.5 - rows / 2) * rowDegrees * RADIANS)) / rowDegrees)),
    )
  }

  countAt(position: Point): number {
    return this.#squares.get(this.#idAt(position))?.items.length ?? 0
  }

  /** The item is there now, whether it stood somewhere before or not. */
  put(item: T, position: Point, at: number): void {
    const place = this.#placeOf(item)
    const id = this.#idAt(position)
    if (place.square === null || place.id !== id) {
      if (place.square !== null) this.remove(item)
      this.#enter(item, place, id)
    }
    const { numbers } = place.square as Square<T>
    const i = place.slot * NUMBERS
    numbers[i] = position.lat
    numbers[i + 1] = position.lng
    numbers[i + 2] = at
  }

  remove(item: T): void {
    const place = this.#placeOf(item)
    const { id, slot } = place
    const { items, numbers } = place.square as Square<T>
    place.square = null
    const last = items.pop() as T
    const [at, lng, lat] = [numbers.pop() as number, numbers.pop() as number, numbers.pop() as number]
    if (slot < items.length) {
      items[slot] = last
      numbers[slot * NUMBERS] = lat
      numbers[slot * NUMBERS + 1] = lng
      numbers[slot * NUMBERS + 2] = at
      this.#placeOf(last).slot = slot
    } else if (slot === 0) this.#squares.delete(id)
  }

  /** Visits the squares that a disc touches, and some that it just misses, but for those in `seen`, which takes them in. */
  forEachAround({ lat, lng }: Point, radiusM: number, seen: Seen, visitor: SquareVisitor<T>): void {
    const angle = radiusM / EARTH_RADIUS_M
    const height = angle / RADIANS + MARGIN_DEGREES
    const width = halfWidth(lat * RADIANS, angle) / RADIANS + MARGIN_DEGREES
    const lastRow = this.#rowOf(Math.min(90, lat + height))
    for (let row = this.#rowOf(Math.max(-90, lat - height)); row <= lastRow; row++) {
      const columns = this.#columns[row] as number
      const from = Math.floor(((lng - width + 180) / 360) * columns)
      const to = Math.min(from + columns - 1, Math.floor(((lng + width + 180) / 360) * columns))
      const known = seen.find((one) => one.row === row)
      for (let column = from; column <= to; column++) {
        if (known !== undefined && modulo(column - known.from, columns) <= known.to - known.from) continue
        const square = this.#squares.get(row * MOST_COLUMNS + modulo(column, columns))
        if (square !== undefined) visitor.visit(square)
      }
      if (known === undefined) seen.push({ row, from, to })
      else {
        known.from = from
        known.to = to
      }
    }
  }

  #enter(item: T, place: Place<T>, id: number): void {
    let square = this.#squares.get(id)
    if (square === undefined) {
      square = { items: [], numbers: [] }
      this.#squares.set(id, square)
    }
    place.square = square
    place.id = id
    place.slot = square.items.push(item) - 1
  }

  #idAt({ lat, lng }: Point): number {
    const row = this.#rowOf(lat)
    const columns = this.#columns[row] as number
    return row * MOST_COLUMNS + (Math.floor(((lng + 180) / 360) * columns) % columns)
  }

  #rowOf(lat: number): number {
    return Math.floor((lat + 90) / this.#rowDegrees)
  }
}

/** How far in longitude a disc of that angle reaches at most (radians); half around the earth when a pole is in it. */
function halfWidth(lat: number, angle: number): number {
  if (Math.abs(lat) + angle >= Math.PI / 2) return Math.PI
  return Math.asin(Math.min(1, Math.sin(angle) / Math.cos(lat)))
}

function modulo(value: number, by: number): number {
  const rest = value % by
  return rest < 0 ? rest + by : rest
}
