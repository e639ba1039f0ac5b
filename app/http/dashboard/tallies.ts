import { cellToParent } from 'h3-js'
import type { Counted } from '../../../infra/http/dashboard/sections/index.ts'
import type { Tally } from '../../../infra/http/index.ts'
import type { DriverView } from '../../../processors/driver-cells/driver-cells.ts'
import type { TripState } from '../../../processors/trip-state/trip-state.ts'
import type { StoreView } from '../ride-views.ts'
import type { CellCounts, TripCounts } from './sections.ts'

/** Trips by status. */
export class TripTally implements Tally<TripCounts> {
  readonly #counts = { requested: 0, accepted: 0, started: 0, cancelled: 0, completed: 0 }
  readonly #view: StoreView<TripState>['view']

  constructor(view: StoreView<TripState>['view']) {
    this.#view = view
  }

  add(key: string, stored: unknown): void {
    this.#counts[this.#view(key, stored).status]++
  }

  result(): TripCounts {
    return { ...this.#counts }
  }
}

type DriverCounts = [available: number, onTrip: number, unknown: number, offline: number]

const FIELD = { available: 0, on_trip: 1, offline: 3 } as const
const UNKNOWN = 2

/** Drivers by H3 cell. */
export class CellTally implements Tally<CellCounts> {
  readonly #view: StoreView<DriverView>['view']
  readonly #sums: CellSums

  constructor(view: StoreView<DriverView>['view'], mostCells?: number) {
    this.#view = view
    this.#sums = new CellSums(mostCells)
  }

  add(key: string, stored: unknown): void {
    const { cell, status } = this.#view(key, stored)
    const counts: DriverCounts = [0, 0, 0, 0]
    counts[status === null ? UNKNOWN : FIELD[status]] = 1
    this.#sums.add(cell, counts)
  }

  result(): CellCounts {
    return this.#sums.result()
  }
}

/** More cells would be too many for a map, and for one second of the stream. */
const MOST_CELLS = 1500

/*
 * 1. Never more than `most` cells: when there would be, all move to the next coarser resolution.
 */
class CellSums {
  readonly #most: number
  #resolution: number | null = null
  #cells = new Map<string, DriverCounts>()

  constructor(most = MOST_CELLS) {
    this.#most = most
  }

  add(cell: string, counts: Readonly<DriverCounts>): void {
    this.#resolution ??= resolutionOf(cell)
    this.#put(cell, counts, this.#resolution)
    while (this.#cells.size > this.#most && this.#resolution > 0) this.coarsen(this.#resolution - 1)
  }

  coarsen(resolution: number): void {
    const finer = this.#cells
    this.#resolution = resolution
    this.#cells = new Map()
    for (const [cell, counts] of finer) this.#put(cell, counts, resolution)
  }

  result(): CellCounts {
    const cells = [...this.#cells].map(([cell, counts]) => [cell, ...counts] as const)
    return { resolution: this.#resolution ?? 0, cells }
  }

  #put(cell: string, counts: Readonly<DriverCounts>, resolution: number): void {
    // This cell was stored at a coarser resolution before H3_RESOLUTION changed, and stays as it is.
    const name = resolutionOf(cell) > resolution ? cellToParent(cell, resolution) : cell
    const sum = this.#cells.get(name) ?? [0, 0, 0, 0]
    for (const index of [0, 1, 2, 3] as const) sum[index] += counts[index]
    this.#cells.set(name, sum)
  }
}

/** The second hex digit of an index. */
const resolutionOf = (cell: string): number => Number.parseInt(cell[1] ?? '0', 16)

/** Adds up the counts of several instances, each of its own part. */
export function mergeTrips(parts: readonly Counted<TripCounts>[]): Counted<TripCounts> {
  const sum = { requested: 0, accepted: 0, started: 0, cancelled: 0, completed: 0 }
  for (const { value } of parts) {
    for (const status of Object.keys(sum) as (keyof typeof sum)[]) sum[status] += value[status]
  }
  return { ...together(parts), value: sum }
}

export function mergeCells(parts: readonly Counted<CellCounts>[]): Counted<CellCounts> {
  const sums = new CellSums()
  const filled = parts.filter(({ value }) => value.cells.length > 0)
  for (const { value } of filled) for (const [cell, ...counts] of value.cells) sums.add(cell, counts)
  if (filled.length > 1) sums.coarsen(Math.min(...filled.map(({ value }) => value.resolution)))
  return { ...together(parts), value: sums.result() }
}

function together(parts: ReadonlyArray<Counted<unknown>>): Omit<Counted<unknown>, 'value'> {
  return {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    complete: parts.every(({ complete }) => complete),
    at: Math.min(...parts.map(({ at }) => at)),
    tookMs: Math.max(...parts.map(({ tookMs }) => tookMs)),
  }
}
