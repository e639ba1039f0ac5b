import { cellToBoundary, cellToLatLng, getPentagons, latLngToCell } from 'h3-js'
import type { Point } from '../../processors/geo/great-circle.ts'
import type { Random } from './random.ts'

const place = ([lat, lng]: readonly number[]): Point => ({ lat: lat ?? 0, lng: lng ?? 0 })

/** The point so many metres from another in that direction (radians from north). */
export function beyond({ lat, lng }: Point, meters: number, direction: number): Point {
  const [p, d] = [(lat * Math.PI) / 180, meters / 6_371_008.8]
  const q = Math.asin(Math.sin(p) * Math.cos(d) + Math.cos(p) * Math.sin(d) * Math.cos(direction))
  const turn = Math.atan2(Math.sin(direction) * Math.sin(d) * Math.cos(p), Math.cos(d) - Math.sin(p) * Math.sin(q))
  const degrees = lng + (turn * 180) / Math.PI
  return { lat: (q * 180) / Math.PI, lng: ((degrees + 540) % 360) - 180 }
}

/** Uniform over the globe. */
export function anywhere(random: Random): Point {
  return { lat: (Math.asin(2 * random.next() - 1) * 180) / Math.PI, lng: random.next() * 360 - 180 }
}

/** Where programs that think in squares of degrees, or in hexagons, go wrong. Resolution: of the cells whose corners count. */
export function awkwardPlaces(
  random: Random,
  resolution: number,
): readonly (readonly [name: string, place: () => Point])[] {
  return [
    ['anywhere', () => anywhere(random)],
    [
      'at a pentagon',
      () => beyond(place(cellToLatLng(random.pick(getPentagons(resolution)))), random.below(6000), random.next() * 7),
    ],
    ['at the date line', () => ({ lat: random.next() * 120 - 60, lng: random.chance(0.5) ? 179.99 : -179.99 })],
    ['at a pole', () => ({ lat: random.chance(0.5) ? 89.99 : -89.99, lng: random.next() * 360 - 180 })],
    [
      'on a corner of a cell',
      () => {
        const { lat, lng } = anywhere(random)
        return place(random.pick(cellToBoundary(latLngToCell(lat, lng, resolution))))
      },
    ],
  ]
}
