import { METERS_PER_DEGREE, type Point, RADIANS } from '../../processors/geo/great-circle.ts'
import type { Zone } from '../simulator/recorded-data.ts'

/** A point that is farther from the centres of all zones is in none, metres. */
export const MOST_METERS = 10_000

/** A point of the unit sphere. */
type Vector = readonly [x: number, y: number, z: number]

/** The zone whose centre is nearest to a point, by great-circle distance. */
export class NearestZone {
  readonly #zones: ReadonlyArray<{ readonly name: string; readonly at: Vector }>

  constructor(zones: Iterable<Zone>) {
    this.#zones = [...zones].map((zone) => ({ name: zone.name, at: vectorOf(zone) }))
  }

  /** Its name; null when none is near. */
  of(point: Point): string | null {
    const [x, y, z] = vectorOf(point)
    let name: string | null = null
    // The cosine of the angle between two points falls with their distance.
    let best = Math.cos((MOST_METERS / METERS_PER_DEGREE) * RADIANS)
    for (const { name: candidate, at } of this.#zones) {
      const cosine = x * at[0] + y * at[1] + z * at[2]
      if (cosine <= best) continue
      best = cosine
      name = candidate
    }
    return name
  }
}

function vectorOf({ lat, lng }: Point): Vector {
  const cosine = Math.cos(lat * RADIANS)
  return [cosine * Math.cos(lng * RADIANS), cosine * Math.sin(lng * RADIANS), Math.sin(lat * RADIANS)]
}
