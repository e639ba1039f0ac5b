import { cellToParent } from 'h3-js'
import type { DriverView } from '../../../processors/driver-cells.ts'
import type { TripState } from '../../../processors/trip-state.ts'
import type { StoreView } from '../views.ts'
import type { CellCounts, TripCounts } from './sections.ts'
import type { Tally } from './store-sweep.ts'

/** Trips by status. */
export class TripTally implements Tally<TripCounts> {
  readonly #counts = { requested: 0, accepted: 0, started: 0, cancelled: 0, completed: 0 }
  readonly #view: StoreView<TripState>['view']
  /** Some completed trip, for a command to try. */
  exampleTripId: string | null = null

  constructor(view: StoreView<TripState>['view']) {
    this.#view = view
  }

  add(key: string, stored: unknown): void {
    const { status, tripId } = this.#view(key, stored)
    this.#counts[status]++
    if (status === 'completed') this.exampleTripId ??= tripId
  }

  result(): TripCounts {
    return { ...this.#counts }
  }
}

/** More would be too many for a map, and for a second of the stream. */
const MOST_CELLS = 1500

type Counts = [available: number, onTrip: number, unknown: number, offline: number]

const FIELD = { available: 0, on_trip: 1, offline: 3 } as const
const UNKNOWN = 2

/*
 * Drivers by H3 cell.
 * 1. Never more than `most` cells: when there would be, all move to the next coarser resolution.
 */
export class CellTally implements Tally<CellCounts> {
  readonly #view: StoreView<DriverView>['view']
  readonly #most: number
  #resolution = 0
  #cells = new Map<string, Counts>()

  constructor(view: StoreView<DriverView>['view'], most = MOST_CELLS) {
    this.#view = view
    this.#most = most
  }

  add(key: string, stored: unknown): void {
    const { cell, status } = this.#view(key, stored)
    if (this.#cells.size === 0) this.#resolution = resolutionOf(cell)
    const counts = this.#at(cell)
    counts[status === null ? UNKNOWN : FIELD[status]]++
    while (this.#cells.size > this.#most && this.#resolution > 0) this.#coarsen()
  }

  result(): CellCounts {
    const cells = [...this.#cells].map(([cell, counts]) => [cell, ...counts] as const)
    return { resolution: this.#resolution, cells }
  }

  #at(cell: string): Counts {
    // A coarser one was stored before H3_RESOLUTION changed, and stays what it is.
    const name = resolutionOf(cell) > this.#resolution ? cellToParent(cell, this.#resolution) : cell
    let counts = this.#cells.get(name)
    if (counts === undefined) {
      counts = [0, 0, 0, 0]
      this.#cells.set(name, counts)
    }
    return counts
  }

  #coarsen(): void {
    const finer = this.#cells
    this.#resolution--
    this.#cells = new Map()
    for (const [cell, counts] of finer) {
      const sum = this.#at(cell)
      for (const index of [0, 1, 2, 3] as const) sum[index] += counts[index]
    }
  }
}

/** The second hex digit of an index. */
const resolutionOf = (cell: string): number => Number.parseInt(cell[1] ?? '0', 16)
