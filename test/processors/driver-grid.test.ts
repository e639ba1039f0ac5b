import { describe, expect, it } from 'vitest'
import { distanceMeters, type Point } from '../../processors/geo/great-circle.ts'
import { DriverGrid } from '../../processors/trip-offers/driver-grid.ts'
import { Squares } from '../../processors/trip-offers/squares.ts'
import { candidatesOf } from '../support/offer-candidates.ts'
import { Random } from '../support/random.ts'

interface Known extends Point {
  readonly at: number
}

const PLACES: readonly (readonly [name: string, center: Point, drivers: number, degrees: number])[] = [
  ['a city', { lat: 40.7, lng: -73.95 }, 600, 0.2],
  ['a crowd', { lat: 40.7, lng: -73.95 }, 3000, 0.04],
  ['the equator', { lat: 0, lng: 0 }, 600, 0.1],
  ['the date line', { lat: -17, lng: 179.99 }, 600, 0.1],
  ['the far north', { lat: 82.5, lng: 20 }, 600, 0.3],
  ['the north pole', { lat: 89.99, lng: 20 }, 600, 0.2],
  ['the south pole', { lat: -89.99, lng: 170 }, 600, 0.2],
]

/** A point that is as far east as north at most, over poles and the date line. */
function near(random: Random, { lat, lng }: Point, degrees: number): Point {
  const north = Math.max(-90, Math.min(90, lat + (random.next() - 0.5) * degrees))
  const stretch = Math.min(360, degrees / Math.max(0.001, Math.cos((north * Math.PI) / 180)))
  const east = lng + (random.next() - 0.5) * stretch
  return { lat: north, lng: east > 180 ? east - 360 : east < -180 ? east + 360 : east }
}

/** By comparing everybody. */
function nearestOf(drivers: ReadonlyMap<string, Known>, pickup: Point, since: number) {
  return [...drivers]
    .filter(([, { at }]) => at >= since)
    .map(([driverId, { lat, lng }]) => ({ driverId, distanceMeters: distanceMeters(pickup, { lat, lng }), lat, lng }))
    .filter((one) => one.distanceMeters <= 5000)
    .sort((a, b) => a.distanceMeters - b.distanceMeters || (a.driverId < b.driverId ? -1 : 1))
    .slice(0, 10)
}

describe.each(PLACES)('the nearest drivers at %s', (_name, center, count, degrees) => {
  it('are those that comparing everybody gives, while drivers come, move and go', () => {
    const random = new Random(7)
    const grid = new DriverGrid()
    const drivers = new Map<string, Known>()
    let found = 0
    for (let step = 0; step < count * 3; step++) {
      const driverId = `d-${random.below(count)}`
      if (random.chance(0.15)) {
        drivers.delete(driverId)
        grid.remove(driverId)
      } else {
        // Some stand in the same place: ties go by id.
        const position = random.chance(0.1) ? center : near(random, center, degrees)
        drivers.set(driverId, { ...position, at: step })
        grid.put(driverId, position, step)
      }
      if (step % 25 !== 0) continue
      const pickup = random.chance(0.2) ? center : near(random, center, degrees)
      const since = random.chance(0.5) ? step - count : Number.NEGATIVE_INFINITY
      const nearest = candidatesOf(grid.nearest({ ...pickup, since }))
      expect(nearest).toEqual(nearestOf(drivers, pickup, since))
      found += nearest.length
    }
    expect(found).toBeGreaterThan(100)
  })
})

it('the squares around a point hold few of a crowd', () => {
  const random = new Random(3)
  const center = { lat: 40.7, lng: -73.95 }
  const squares = new Squares(0.0025)
  for (let slot = 0; slot < 50_000; slot++) {
    const { lat, lng } = near(random, center, 0.25)
    squares.put(slot, lat, lng)
  }
  const looked = squares.around(center.lat, center.lng, 500)
  expect(new Set(squares.slots.subarray(0, looked)).size).toBe(looked)
  expect(looked).toBeGreaterThan(10)
  expect(looked).toBeLessThan(500)
})
