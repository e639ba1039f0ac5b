import { cellToBoundary, cellToLatLng, latLngToCell } from 'h3-js'

/** The H3 cell of a position. `last`: the cell it was in before, which it has often not left. */
export type CellOf = (lat: number, lng: number, last: string | null) => string

/** Always asks H3. */
export function plainCellOf(h3Resolution: number): CellOf {
  return (lat, lng) => latLngToCell(lat, lng, h3Resolution)
}

type Vector = readonly [x: number, y: number, z: number]

/** A disc that lies wholly inside of a cell: its centre on the unit sphere, its radius as a chord, squared. */
interface Disc {
  readonly center: Vector
  readonly chordSquared: number
}

const RADIANS = Math.PI / 180
/** Of the distance from the centre to the nearest edge: far more than what rounding can cost. */
const SAFE_SHARE = 0.98
/** Discs kept, about 200 bytes each. */
const MOST_DISCS = 50_000

/**
 * Answers what H3 would, but looks first whether the position is well inside of the last cell: a driver who moves stays in a cell for
 * several positions, and that look costs a tenth of the index.
 */
export function nearbyCellOf(h3Resolution: number): CellOf {
  // The second hex digit of an index is its resolution: after a change of H3_RESOLUTION no stored cell is of use.
  const digit = h3Resolution.toString(16)
  const discs = new Map<string, Disc>()
  const discOf = (cell: string): Disc => {
    const known = discs.get(cell)
    if (known !== undefined) return known
    if (discs.size >= MOST_DISCS) discs.clear()
    const disc = discInside(cell)
    discs.set(cell, disc)
    return disc
  }
  return (lat, lng, last) =>
    last !== null && last[1] === digit && isInside(discOf(last), lat, lng) ? last : latLngToCell(lat, lng, h3Resolution)
}

function isInside({ center, chordSquared }: Disc, lat: number, lng: number): boolean {
  const cosLat = Math.cos(lat * RADIANS)
  const dx = cosLat * Math.cos(lng * RADIANS) - center[0]
  const dy = cosLat * Math.sin(lng * RADIANS) - center[1]
  const dz = Math.sin(lat * RADIANS) - center[2]
  return dx * dx + dy * dy + dz * dz < chordSquared
}

/** Edges of cells are arcs of great circles, and no point of an arc is nearer than its great circle. */
function discInside(cell: string): Disc {
  const center = vector(cellToLatLng(cell))
  const corners = cellToBoundary(cell).map(vector)
  let sine = 1
  for (const [index, corner] of corners.entries()) {
    const normal = cross(corner, corners[(index + 1) % corners.length] as Vector)
    sine = Math.min(sine, Math.abs(dot(center, normal)) / Math.sqrt(dot(normal, normal)))
  }
  const chord = 2 * Math.sin((Math.asin(sine) * SAFE_SHARE) / 2)
  return { center, chordSquared: chord * chord }
}

function vector(degrees: readonly number[]): Vector {
  const [lat, lng] = [(degrees[0] as number) * RADIANS, (degrees[1] as number) * RADIANS]
  return [Math.cos(lat) * Math.cos(lng), Math.cos(lat) * Math.sin(lng), Math.sin(lat)]
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
