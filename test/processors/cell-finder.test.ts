import { cellToLatLng, latLngToCell } from 'h3-js'
import { expect, it } from 'vitest'
import { nearbyCellOf } from '../../processors/geo/cell-finder.ts'
import { awkwardPlaces, beyond } from '../support/places.ts'
import { Random } from '../support/random.ts'

it.each([0, 5, 7, 9, 12, 15])(
  'answers what H3 answers, wherever a driver was before, at resolution %i',
  (resolution) => {
    const random = new Random(resolution + 1)
    const cellOf = nearbyCellOf(resolution)
    let stayed = 0
    for (const [name, place] of awkwardPlaces(random, resolution)) {
      for (let i = 0; i < 400; i++) {
        const from = place()
        const last = latLngToCell(from.lat, from.lng, resolution)
        const [lat = 0, lng = 0] = cellToLatLng(last)
        // Beside the place, and right around the disc that is taken to be inside.
        const edge = 1_281_256 / Math.sqrt(7) ** resolution
        for (const near of [from, beyond({ lat, lng }, edge * (0.5 + random.next()), random.next() * 7)]) {
          const cell = cellOf(near.lat, near.lng, last)
          expect([name, near, cell]).toEqual([name, near, latLngToCell(near.lat, near.lng, resolution)])
          if (cell === last) stayed++
        }
      }
    }
    expect(stayed).toBeGreaterThan(500)
  },
)

it('takes no cell of another resolution for its own', () => {
  const last = latLngToCell(40.7, -74, 8)
  expect(nearbyCellOf(9)(40.7, -74, last)).toBe(latLngToCell(40.7, -74, 9))
})
