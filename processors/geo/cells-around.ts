import { cellToLatLng, getHexagonEdgeLengthAvg, gridDiskDistances, latLngToCell } from 'h3-js'
import { distanceMeters, type Point } from './great-circle.ts'

/** Cells differ in size over the globe: none reaches further from its centre than this many average edges (tested). */
const REACH_IN_EDGES = 1.5

/**
 * Every cell of the resolution that has a point within `radiusM` metres, and some that just miss. Rings around the centre's
 * cell until one lies wholly outside: cells that touch the disc are connected, so none can be beyond it.
 */
export function cellsAround(center: Point, radiusM: number, resolution: number): readonly string[] {
  const edge = getHexagonEdgeLengthAvg(resolution, 'm')
  const limit = radiusM + REACH_IN_EDGES * edge
  const isNear = (cell: string): boolean => {
    const [lat, lng] = cellToLatLng(cell)
    return distanceMeters(center, { lat, lng }) <= limit
  }
  const origin = latLngToCell(center.lat, center.lng, resolution)
  for (let k = Math.ceil(limit / (Math.sqrt(3) * edge)); ; k++) {
    const rings = gridDiskDistances(origin, k)
    const last = rings[k] ?? []
    if (!last.some(isNear)) return rings.flat().filter(isNear)
  }
}
