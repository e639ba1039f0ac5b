import { cellToLatLng, getHexagonEdgeLengthAvg, gridDiskDistances, latLngToCell } from 'h3-js'
import { distanceMeters, type Point } from './great-circle.ts'

/**
 * Cells differ in size over the globe, and their descendants stick out of them: nothing of a cell or any descendant is further
 * from its centre than this many average edges (tested; the most that was found is 1.14).
 */
const REACH_IN_EDGES = 1.25

/**
 * Every cell of the resolution that has a point within `radiusM` metres, and some that just miss; nearest first. Rings around the
 * centre's cell until one lies wholly outside: cells that touch the disc are connected, so none can be beyond it.
 */
export function cellsAround(center: Point, radiusM: number, resolution: number): readonly string[] {
  const edge = getHexagonEdgeLengthAvg(resolution, 'm')
  const origin = latLngToCell(center.lat, center.lng, resolution)
  for (let k = Math.ceil((radiusM + REACH_IN_EDGES * edge) / (Math.sqrt(3) * edge)); ; k++) {
    const rings = gridDiskDistances(origin, k).map((ring) =>
      ring
        .map((cell) => ({ cell, distance: leastDistance(center, cell, resolution) }))
        .filter(({ distance }) => distance <= radiusM),
    )
    if (rings[k]?.length !== 0) continue
    const near = rings.flat().sort((a, b) => a.distance - b.distance)
    return near.map(({ cell }) => cell)
  }
}

/** No point of the cell or of a descendant is nearer, in metres; negative around its centre. */
export function leastDistance(from: Point, cell: string, resolution: number): number {
  const [lat, lng] = cellToLatLng(cell)
  return distanceMeters(from, { lat, lng }) - REACH_IN_EDGES * getHexagonEdgeLengthAvg(resolution, 'm')
}
