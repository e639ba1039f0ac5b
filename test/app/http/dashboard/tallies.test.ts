import { cellToParent, getResolution, latLngToCell } from 'h3-js'
import { describe, expect, it } from 'vitest'
import { CellTally, mergeCells, mergeTrips, TripTally } from '../../../../app/http/dashboard/tallies.ts'
import type { DriverView } from '../../../../processors/driver-cells/driver-cells.ts'
import type { TripState } from '../../../../processors/trip-state/trip-state.ts'
import { Random } from '../../../support/random.ts'

const random = new Random(3)
const drivers = Array.from({ length: 2000 }, () => ({
  cell: latLngToCell(40.5 + random.next() / 2, -74.2 + random.next() / 2, 9),
  status: random.pick(['available', 'on_trip', 'offline', null] as const),
}))
const FIELDS = ['available', 'on_trip', null, 'offline'] as const

function tallyOf(some: readonly (typeof drivers)[number][], mostCells?: number) {
  const tally = new CellTally((_key, stored) => stored as DriverView, mostCells)
  for (const driver of some) tally.add('d', driver)
  return tally.result()
}

const counted = <T>(value: T, rows: number) => ({ value, rows, complete: true, at: rows, tookMs: rows })

/** Counted the plain way. */
function countsOf(some: typeof drivers, resolution: number) {
  const byParent = Object.groupBy(some, ({ cell }) => cellToParent(cell, resolution))
  return Object.fromEntries(
    Object.entries(byParent).map(([parent, inside = []]) => [
      parent,
      FIELDS.map((status) => inside.filter((driver) => driver.status === status).length),
    ]),
  )
}

const asObject = (cells: ReturnType<typeof tallyOf>['cells']) =>
  Object.fromEntries(cells.map(([cell, ...counts]) => [cell, counts]))

describe('CellTally', () => {
  it('counts drivers by cell and status', () => {
    const { resolution, cells } = tallyOf(drivers.slice(0, 1000))
    expect(resolution).toBe(9)
    expect(asObject(cells)).toEqual(countsOf(drivers.slice(0, 1000), 9))
  })

  it('moves to a coarser resolution rather than hold too many cells, and keeps every driver counted', () => {
    const { resolution, cells } = tallyOf(drivers, 100)
    expect(cells.length).toBeLessThanOrEqual(100)
    expect(resolution).toBeLessThan(9)
    expect(asObject(cells)).toEqual(countsOf(drivers, resolution))
  })

  it('adds up what instances counted at different resolutions', () => {
    const [fine, coarse] = [tallyOf(drivers.slice(0, 500)), tallyOf(drivers.slice(500), 100)]
    const merged = mergeCells([counted(fine, 1), counted(coarse, 2), counted({ resolution: 0, cells: [] }, 0)])
    expect(merged.value.resolution).toBe(coarse.resolution)
    expect(merged.value.cells.every(([cell]) => getResolution(cell) === coarse.resolution)).toBe(true)
    expect(asObject(merged.value.cells)).toEqual(countsOf(drivers, coarse.resolution))
  })

  it('keeps cells that an earlier configuration stored at a coarser resolution', () => {
    const [{ cell: old = '' } = {}] = drivers
    const mixed = [...drivers.slice(1, 3), { cell: cellToParent(old, 7), status: 'available' as const }]
    expect(tallyOf(mixed).cells.map(([cell]) => cell)).toContain(cellToParent(old, 7))
  })
})

describe('trips', () => {
  it('are counted by status and added up over instances', () => {
    const tally = new TripTally((_key, stored) => stored as TripState)
    for (const status of ['requested', 'started', 'started', 'completed']) tally.add('t', { status })
    const value = { requested: 1, accepted: 0, started: 2, cancelled: 0, completed: 1 }
    expect(tally.result()).toEqual(value)
    const merged = mergeTrips([counted(value, 4), { ...counted(value, 3), complete: false }])
    expect(merged).toEqual({
      value: { requested: 2, accepted: 0, started: 4, cancelled: 0, completed: 2 },
      rows: 7,
      complete: false,
      at: 3,
      tookMs: 4,
    })
  })
})
