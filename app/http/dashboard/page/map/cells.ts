import type { CellCounts } from '../../sections.ts'
import { cellToBoundary, cellToLatLng, cellToParent, getHexagonEdgeLengthAvg, getResolution } from '../lib/h3.js'
import { type Point, project } from './projection.ts'

/** Drivers in one cell, at the resolution it is drawn. */
export interface DrawnCell {
  readonly cell: string
  readonly available: number
  readonly onTrip: number
  readonly unknown: number
  readonly offline: number
  /** All drivers but the offline ones. */
  readonly total: number
}

/** The least width of a hexagon, pixels: narrower ones are drawn as their parents. */
const LEAST_WIDTH = 13

/** The finest resolution, up to the one there is, whose hexagons are wide enough to see and hit. */
export function drawnResolution(finest: number, metersPerPixel: number): number {
  for (let resolution = finest; resolution > 0; resolution--) {
    if ((getHexagonEdgeLengthAvg(resolution, 'm') * Math.sqrt(3)) / metersPerPixel >= LEAST_WIDTH) return resolution
  }
  return 0
}

export function rolledUp(cells: CellCounts['cells'], resolution: number): readonly DrawnCell[] {
  const sums = new Map<string, [number, number, number, number]>()
  for (const [cell, ...counts] of cells) {
    const name = getResolution(cell) > resolution ? cellToParent(cell, resolution) : cell
    const sum = sums.get(name) ?? [0, 0, 0, 0]
    for (const index of [0, 1, 2, 3] as const) sum[index] += counts[index]
    sums.set(name, sum)
  }
  return [...sums].map(([cell, [available, onTrip, unknown, offline]]) => {
    return { cell, available, onTrip, unknown, offline, total: available + onTrip + unknown }
  })
}

export function centerOf(cell: string): Point {
  const [lat, lng] = cellToLatLng(cell)
  return project(lat, lng)
}

/* Boundaries of cells on the plane: worked out once each, forgotten all together when there are many. */
const MOST_KEPT = 20_000
const kept = new Map<string, readonly Point[]>()

export function boundaryOf(cell: string): readonly Point[] {
  let boundary = kept.get(cell)
  if (boundary === undefined) {
    if (kept.size >= MOST_KEPT) kept.clear()
    const corners = cellToBoundary(cell).map(([lat, lng]) => project(lat, lng))
    const first = corners[0] ?? { x: 0, y: 0 }
    // A hexagon across the date line stays in one piece.
    boundary = corners.map(({ x, y }) => ({ x: x - Math.round(x - first.x), y }))
    kept.set(cell, boundary)
  }
  return boundary
}
