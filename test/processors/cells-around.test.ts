import { cellToBoundary, cellToLatLng, cellToParent, getHexagonEdgeLengthAvg, getResolution, latLngToCell } from 'h3-js'
import { describe, expect, it } from 'vitest'
import { cellsAround } from '../../processors/geo/cells-around.ts'
import { distanceMeters } from '../../processors/geo/great-circle.ts'
import { anywhere, awkwardPlaces, beyond } from '../support/places.ts'
import { metersBetween } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'

const RESOLUTION = 7
const random = new Random(7)

describe.each(awkwardPlaces(random, RESOLUTION))('cells around a place %s', (_name, place) => {
  it('cover every point of the disc', () => {
    for (let i = 0; i < 50; i++) {
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

it('no point of a cell or its descendants is further from its centre than 1.25 average edges', () => {
  const furthest: number[] = new Array<number>(16).fill(0)
  for (let i = 0; i < 800; i++) {
    const { lat, lng } = anywhere(random)
    const finest = latLngToCell(lat, lng, i % 2 === 0 ? 15 : random.below(16))
    for (const [cornerLat, cornerLng] of cellToBoundary(finest)) {
      for (let resolution = getResolution(finest); resolution >= 0; resolution--) {
        const [centerLat, centerLng] = cellToLatLng(cellToParent(finest, resolution))
        const meters = metersBetween({ lat: centerLat, lng: centerLng }, { lat: cornerLat, lng: cornerLng })
        const edges = meters / getHexagonEdgeLengthAvg(resolution, 'm')
        furthest[resolution] = Math.max(furthest[resolution] ?? 0, edges)
      }
    }
  }
  expect(Math.max(...furthest)).toBeLessThan(1.2)
  expect(Math.min(...furthest)).toBeGreaterThan(1)
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
