import { cellToBoundary, cellToLatLng, getHexagonEdgeLengthAvg, getPentagons, latLngToCell } from 'h3-js'
import { describe, expect, it } from 'vitest'
import { cellsAround } from '../../processors/geo/cells-around.ts'
import { distanceMeters, type Point } from '../../processors/geo/great-circle.ts'
import { metersBetween } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'

const RESOLUTION = 7
const point = ([lat, lng]: readonly [number, number] | number[]): Point => ({ lat: lat ?? 0, lng: lng ?? 0 })

/** The point so many metres from another in that direction (radians from north). */
function beyond({ lat, lng }: Point, meters: number, direction: number): Point {
  const [p, d] = [(lat * Math.PI) / 180, meters / 6_371_008.8]
  const q = Math.asin(Math.sin(p) * Math.cos(d) + Math.cos(p) * Math.sin(d) * Math.cos(direction))
  const turn = Math.atan2(Math.sin(direction) * Math.sin(d) * Math.cos(p), Math.cos(d) - Math.sin(p) * Math.sin(q))
  const degrees = lng + (turn * 180) / Math.PI
  return { lat: (q * 180) / Math.PI, lng: ((degrees + 540) % 360) - 180 }
}

const random = new Random(7)
const anywhere = (): Point => ({
  lat: (Math.asin(2 * random.next() - 1) * 180) / Math.PI,
  lng: random.next() * 360 - 180,
})
const places: readonly (readonly [name: string, place: () => Point])[] = [
  ['anywhere', anywhere],
  [
    'at a pentagon',
    () => beyond(point(cellToLatLng(random.pick(getPentagons(RESOLUTION)))), random.below(6000), random.next() * 7),
  ],
  ['at the date line', () => ({ lat: random.next() * 120 - 60, lng: random.chance(0.5) ? 179.99 : -179.99 })],
  ['at a pole', () => ({ lat: random.chance(0.5) ? 89.99 : -89.99, lng: random.next() * 360 - 180 })],
  [
    'on a corner of a cell',
    () => point(random.pick(cellToBoundary(latLngToCell(anywhere().lat, anywhere().lng, RESOLUTION)))),
  ],
]

describe.each(places)('cells around a place %s', (_name, place) => {
  it('hold every point of the disc', () => {
    for (let i = 0; i < 150; i++) {
      const center = place()
      const cells = new Set(cellsAround(center, 5000, RESOLUTION))
      expect(cells.size).toBeLessThan(80)
      for (let j = 0; j < 40; j++) {
        const { lat, lng } = beyond(center, j % 2 === 0 ? 4999 : 5000 * Math.sqrt(random.next()), random.next() * 7)
        expect(cells).toContain(latLngToCell(lat, lng, RESOLUTION))
      }
    }
  })
})

it('no cell reaches further from its centre than 1.5 average edges', () => {
  const limit = 1.5 * getHexagonEdgeLengthAvg(RESOLUTION, 'm')
  let furthest = 0
  for (let i = 0; i < 20_000; i++) {
    const { lat, lng } = anywhere()
    const cell = latLngToCell(lat, lng, RESOLUTION)
    const center = point(cellToLatLng(cell))
    for (const corner of cellToBoundary(cell)) furthest = Math.max(furthest, metersBetween(center, point(corner)))
  }
  expect(furthest).toBeLessThan(limit)
  expect(furthest).toBeGreaterThan(0.7 * limit)
})

it('distances are great circles on a sphere of 6,371,008.8 m', () => {
  expect(distanceMeters({ lat: 0, lng: 0 }, { lat: 0, lng: 90 })).toBeCloseTo((Math.PI / 2) * 6_371_008.8, 3)
  expect(distanceMeters({ lat: 90, lng: 0 }, { lat: -90, lng: 0 })).toBeCloseTo(Math.PI * 6_371_008.8, 3)
  expect(distanceMeters({ lat: 10, lng: 179.99 }, { lat: 10, lng: -179.99 })).toBeCloseTo(
    metersBetween({ lat: 10, lng: 0 }, { lat: 10, lng: 0.02 }),
    3,
  )
  expect(distanceMeters({ lat: 1, lng: 2 }, { lat: 1, lng: 2 })).toBe(0)
})
