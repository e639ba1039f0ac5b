import { EARTH_RADIUS_M, METERS_PER_DEGREE, RADIANS } from '../geo/great-circle.ts'
import { grownInts } from './grown-ints.ts'

/*
 * Drivers on the globe, in squares of one size. A driver is a slot, a small integer, and the squares are lists of slots that go through
 * typed arrays: a position that stays in its square changes nothing here, and one that leaves it makes no garbage.
 *
 * Invariants:
 * 1. A slot that was put and not removed stands in exactly one list, that of its key's bucket. The key is that of its square.
 * 2. A row of squares is `rowDegrees` high. It is cut into as many squares as make them about as wide as high, at least one, so the
 *    squares of two rows do not stand below each other.
 * 3. There is a bucket for each slot at least, so lists are short. Two squares of one search never have the same key (keyOf).
 */

/** About a centimetre: what rounding may do to something on the edge of a box. */
const MARGIN_DEGREES = 1e-7
/** Up to this latitude a disc of a few kilometres is as wide as on a flat map, but for less than WIDER. */
const FLAT_UP_TO = 80
const WIDER = 1.0001
/** Slots that there is room for at first. */
const FIRST_SLOTS = 64
const BUCKETS_PER_SLOT = 2
/** No slot: the list ends here. */
const END = -1
/** The slot stands in no list. */
const NOWHERE = -2
/** Golden ratio and another odd number with many bits. */
const ROW_FACTOR = 0x9e3779b1
const BUCKET_FACTOR = 0x85ebca6b

export class Squares {
  readonly #rowDegrees: number
  /** Squares in each row. The last row is the north pole itself. */
  readonly #columns: Int32Array
  /** First slot of each bucket. */
  #heads = new Int32Array(FIRST_SLOTS * BUCKETS_PER_SLOT).fill(END)
  /** How far a product is shifted to be a bucket. */
  #shift = Math.clz32(FIRST_SLOTS * BUCKETS_PER_SLOT - 1)
  /** By slot: the square, the next slot of the list, the one before it (END: it is the first, NOWHERE: it stands in none). */
  #keys = new Int32Array(FIRST_SLOTS)
  #next = new Int32Array(FIRST_SLOTS)
  #before = new Int32Array(FIRST_SLOTS).fill(NOWHERE)
  /** Found by the last call of around(). */
  slots = new Int32Array(FIRST_SLOTS)

  constructor(rowDegrees: number) {
    this.#rowDegrees = rowDegrees
    const rows = Math.round(180 / rowDegrees)
    this.#columns = Int32Array.from({ length: rows + 1 }, (_, row) =>
      Math.max(1, Math.floor((360 * Math.cos((row + 0.5 - rows / 2) * rowDegrees * RADIANS)) / rowDegrees)),
    )
  }

  /** The key of the square there. */
  keyAt(lat: number, lng: number): number {
    const row = this.#rowOf(lat)
    const columns = this.#columns[row] as number
    return keyOf(row, Math.floor(((lng + 180) / 360) * columns) % columns)
  }

  has(slot: number): boolean {
    return slot < this.#keys.length && this.#before[slot] !== NOWHERE
  }

  /** The slot is there now, whether it stood somewhere before or not. */
  put(slot: number, lat: number, lng: number): void {
    if (slot >= this.#keys.length) this.#grow(slot + 1)
    const key = this.keyAt(lat, lng)
    if (this.#before[slot] !== NOWHERE) {
      if (this.#keys[slot] === key) return
      this.#unlink(slot)
    }
    this.#keys[slot] = key
    this.#link(slot)
  }

  /** It may stand nowhere. */
  remove(slot: number): void {
    if (!this.has(slot)) return
    this.#unlink(slot)
    this.#before[slot] = NOWHERE
  }

  /** Puts into `slots` who stands in the squares that a disc touches, and in some that it just misses. Answers their number. */
  around(lat: number, lng: number, radiusM: number): number {
    const angle = radiusM / EARTH_RADIUS_M
    const height = angle / RADIANS + MARGIN_DEGREES
    const width = widthOf(lat, radiusM) + MARGIN_DEGREES
    const firstRow = this.#rowOf(Math.max(-90, lat - height))
    const lastRow = this.#rowOf(Math.min(90, lat + height))
    let count = 0
    for (let row = firstRow; row <= lastRow; row++) {
      const columns = this.#columns[row] as number
      const from = Math.floor(((lng - width + 180) / 360) * columns)
      const to = Math.min(from + columns - 1, Math.floor(((lng + width + 180) / 360) * columns))
      for (let column = from; column <= to; column++) {
        const inRow = column < 0 ? column + columns : column >= columns ? column - columns : column
        count = this.#collect(keyOf(row, inRow), count)
      }
    }
    return count
  }

  #collect(key: number, from: number): number {
    const keys = this.#keys
    const next = this.#next
    let count = from
    for (let slot = this.#heads[this.#bucketOf(key)] as number; slot !== END; slot = next[slot] as number) {
      if (keys[slot] === key) this.slots[count++] = slot
    }
    return count
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(this.#keys[slot] as number)
    const first = this.#heads[bucket] as number
    this.#next[slot] = first
    this.#before[slot] = END
    if (first !== END) this.#before[first] = slot
    this.#heads[bucket] = slot
  }

  #unlink(slot: number): void {
    const next = this.#next[slot] as number
    const before = this.#before[slot] as number
    if (next !== END) this.#before[next] = before
    if (before === END) this.#heads[this.#bucketOf(this.#keys[slot] as number)] = next
    else this.#next[before] = next
  }

  /** Room for so many slots, and more. */
  #grow(slots: number): void {
    let size = this.#keys.length
    while (size < slots) size *= 2
    const before = this.#before
    this.#keys = grownInts(this.#keys, size)
    this.#next = grownInts(this.#next, size)
    this.#before = grownInts(before, size, NOWHERE)
    this.slots = new Int32Array(size)
    this.#heads = new Int32Array(size * BUCKETS_PER_SLOT).fill(END)
    this.#shift = Math.clz32(size * BUCKETS_PER_SLOT - 1)
    for (let slot = 0; slot < before.length; slot++) if (before[slot] !== NOWHERE) this.#link(slot)
  }

  #bucketOf(key: number): number {
    return Math.imul(key, BUCKET_FACTOR) >>> this.#shift
  }

  #rowOf(lat: number): number {
    return Math.floor((lat + 90) / this.#rowDegrees)
  }
}

/**
 * Different for squares of rows that are less than 10,000 apart: multiples of the golden ratio are farther from each other than a row
 * has squares. So all squares of one search have keys of their own; others may share one, and are far away.
 */
function keyOf(row: number, column: number): number {
  return (Math.imul(row, ROW_FACTOR) + column) | 0
}

/** How far in longitude a disc reaches at most, degrees; half around the earth when a pole is in it. */
function widthOf(lat: number, radiusM: number): number {
  if (Math.abs(lat) <= FLAT_UP_TO) return (radiusM / (METERS_PER_DEGREE * Math.cos(lat * RADIANS))) * WIDER
  const angle = radiusM / EARTH_RADIUS_M
  if (Math.abs(lat * RADIANS) + angle >= Math.PI / 2) return 180
  return Math.asin(Math.min(1, Math.sin(angle) / Math.cos(lat * RADIANS))) / RADIANS
}
