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

/** About a centimetre: what rounding may do to something on the edge of a box. */
const MARGIN_DEGREES = 1e-7

/** Numbers kept for each item of a square: latitude, longitude, time. */
export const NUMBERS = 3

/** The numbers stand side by side, as most of what a search looks at is too far away, and then the item itself is not needed. */
export interface Square<T> {
  readonly row: number
  readonly column: number
  readonly items: T[]
  readonly numbers: number[]
}

/** Where something stands: its square, and its place in it. */
export interface Place<T> {
  square: Square<T> | null
  slot: number
}

export interface SquareVisitor<T> {
  visit(square: Square<T>): void
}

/** The box around a point that a search has looked at so far. Used again for the next search. */
export class Seen {
  fromRow = 0
  /** Below `fromRow`: nothing has been looked at. */
  toRow = -1
  /** Degrees of longitude to either side. */
  width = 0

  clear(): void {
    this.fromRow = 0
    this.toRow = -1
  }
}

export class Squares<T> {
  readonly #rowDegrees: number
  /** Squares in each row. The last row is the north pole itself. */
  readonly #columns: Int32Array
  readonly #placeOf: (item: T) => Place<T>
  /** By row, then by column. */
  readonly #rows = new Map<number, Map<number, Square<T>>>()

  constructor(rowDegrees: number, placeOf: (item: T) => Place<T>) {
    this.#rowDegrees = rowDegrees
    this.#placeOf = placeOf
    const rows = Math.round(180 / rowDegrees)
    this.#columns = Int32Array.from({ length: rows + 1 }, (_, row) =>
      Math.max(1, Math.floor((360 * Math.cos((row + 0.5 - rows / 2) * rowDegrees * RADIANS)) / rowDegrees)),
    )
  }

  countAt(position: Point): number {
    const row = this.#rowOf(position.lat)
    return this.#rows.get(row)?.get(this.#columnOf(row, position.lng))?.items.length ?? 0
  }

  /** The item is there now, whether it stood somewhere before or not. */
  put(item: T, position: Point, at: number): void {
    const place = this.#placeOf(item)
    const row = this.#rowOf(position.lat)
    const column = this.#columnOf(row, position.lng)
    if (place.square === null || place.square.row !== row || place.square.column !== column) {
      if (place.square !== null) this.remove(item)
      this.#enter(item, place, row, column)
    }
    const { numbers } = place.square as Square<T>
    const i = place.slot * NUMBERS
    numbers[i] = position.lat
    numbers[i + 1] = position.lng
    numbers[i + 2] = at
  }

  remove(item: T): void {
    const place = this.#placeOf(item)
    const { slot } = place
    const { row, column, items, numbers } = place.square as Square<T>
    place.square = null
    const last = items.pop() as T
    const at = numbers.pop() as number
    const lng = numbers.pop() as number
    const lat = numbers.pop() as number
    if (slot < items.length) {
      items[slot] = last
      numbers[slot * NUMBERS] = lat
      numbers[slot * NUMBERS + 1] = lng
      numbers[slot * NUMBERS + 2] = at
      this.#placeOf(last).slot = slot
    } else if (slot === 0) this.#leave(row, column)
  }

  /**
   * Visits the squares that a disc touches, and some that it just misses, but for those in `seen`, which takes them in.
   * @param seen of the same point, and of no larger radius
   */
  forEachAround({ lat, lng }: Point, radiusM: number, seen: Seen, visitor: SquareVisitor<T>): void {
    const angle = radiusM / EARTH_RADIUS_M
    const height = angle / RADIANS + MARGIN_DEGREES
    const width = halfWidth(lat * RADIANS, angle) / RADIANS + MARGIN_DEGREES
    const firstRow = this.#rowOf(Math.max(-90, lat - height))
    const lastRow = this.#rowOf(Math.min(90, lat + height))
    for (let row = firstRow; row <= lastRow; row++) {
      const squares = this.#rows.get(row)
      if (squares === undefined) continue
      const columns = this.#columns[row] as number
      const from = firstColumn(lng, width, columns)
      const to = lastColumn(lng, width, columns, from)
      const isKnown = row >= seen.fromRow && row <= seen.toRow
      const knownFrom = isKnown ? firstColumn(lng, seen.width, columns) : 0
      const known = isKnown ? lastColumn(lng, seen.width, columns, knownFrom) - knownFrom : -1
      for (let column = from; column <= to; column++) {
        if (known >= 0 && modulo(column - knownFrom, columns) <= known) continue
        const square = squares.get(modulo(column, columns))
        if (square !== undefined) visitor.visit(square)
      }
    }
    seen.fromRow = firstRow
    seen.toRow = lastRow
    seen.width = width
  }

  #enter(item: T, place: Place<T>, row: number, column: number): void {
    let squares = this.#rows.get(row)
    if (squares === undefined) {
      squares = new Map()
      this.#rows.set(row, squares)
    }
    let square = squares.get(column)
    if (square === undefined) {
      square = { row, column, items: [], numbers: [] }
      squares.set(column, square)
    }
    place.square = square
    place.slot = square.items.push(item) - 1
  }

  /** A square is empty. */
  #leave(row: number, column: number): void {
    const squares = this.#rows.get(row)
    squares?.delete(column)
    if (squares?.size === 0) this.#rows.delete(row)
  }

  #columnOf(row: number, lng: number): number {
    const columns = this.#columns[row] as number
    return Math.floor(((lng + 180) / 360) * columns) % columns
  }

  #rowOf(lat: number): number {
    return Math.floor((lat + 90) / this.#rowDegrees)
  }
}

/** Columns of a box; below 0 or beyond the row's last they go on at the other end. */
function firstColumn(lng: number, width: number, columns: number): number {
  return Math.floor(((lng - width + 180) / 360) * columns)
}

function lastColumn(lng: number, width: number, columns: number, first: number): number {
  return Math.min(first + columns - 1, Math.floor(((lng + width + 180) / 360) * columns))
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
