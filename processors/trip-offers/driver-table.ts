import type { Point } from '../geo/great-circle.ts'
import { grownInts } from './grown-ints.ts'
import { IdBytes } from './id-bytes.ts'
import { degreesOf, unitsOf } from './small-bytes.ts'

/** Slots that there is room for at first. */
const FIRST_SLOTS = 64
/** Numbers kept for each slot: latitude, longitude, time. */
export const NUMBERS = 3
/** Whole units kept for each slot: latitude, longitude. */
export const UNITS = 2
/** In place of a latitude: the position has more decimals than units have. */
export const NO_UNITS = -(2 ** 31)

/*
 * Drivers, each with a small integer, its slot, by which everything about it is found in typed arrays.
 *
 * Invariants:
 * 1. A driver keeps its slot for good, available or not: most come back within minutes. The store driver-cells keeps every driver, too.
 */
export class DriverTable {
  readonly #slots = new Map<string, number>()
  /** By slot. */
  readonly ids: string[] = []
  /** NUMBERS for each slot, side by side. */
  numbers = new Float64Array(FIRST_SLOTS * NUMBERS)
  /** UNITS for each slot, side by side. */
  units = new Int32Array(FIRST_SLOTS * UNITS)
  /** How they stand in answers. */
  readonly idBytes = new IdBytes(this.ids)
  /** UTF-16 code units of the longest id. */
  longestId = 0

  get size(): number {
    return this.ids.length
  }

  slotOf(driverId: string): number | undefined {
    return this.#slots.get(driverId)
  }

  /** The driver was there at that time, epoch ms. Answers its slot. */
  put(driverId: string, { lat, lng }: Point, at: number): number {
    const slot = this.#slots.get(driverId) ?? this.#add(driverId)
    const { numbers } = this
    const i = slot * NUMBERS
    numbers[i] = lat
    numbers[i + 1] = lng
    numbers[i + 2] = at
    const up = unitsOf(lat)
    const right = unitsOf(lng)
    const isWhole = degreesOf(up) === lat && degreesOf(right) === lng
    this.units[slot * UNITS] = isWhole ? up : NO_UNITS
    this.units[slot * UNITS + 1] = right
    return slot
  }

  #add(driverId: string): number {
    const slot = this.ids.push(driverId) - 1
    this.#slots.set(driverId, slot)
    if (this.ids.length * NUMBERS > this.numbers.length) {
      const { numbers, units } = this
      this.numbers = new Float64Array(numbers.length * 2)
      this.numbers.set(numbers)
      this.units = grownInts(units, units.length * 2)
    }
    this.longestId = Math.max(this.longestId, driverId.length)
    return slot
  }
}
