import { METERS_PER_DEGREE, type Point, RADIANS } from '../../processors/geo/great-circle.ts'
import type { Random } from './random.ts'

/** Metres between two points of one city: on the plane that touches the earth between them, exact to 0.1 % there. */
export function metersBetween(a: Point, b: Point): number {
  const dx = (b.lng - a.lng) * Math.cos(((a.lat + b.lat) / 2) * RADIANS)
  const dy = b.lat - a.lat
  return Math.sqrt(dx * dx + dy * dy) * METERS_PER_DEGREE
}

/** Compass degrees [0, 360) from a to b; 0 for the same point. */
export function headingOf(a: Point, b: Point): number {
  const dx = (b.lng - a.lng) * Math.cos(a.lat * RADIANS)
  const degrees = Math.round(Math.atan2(dx, b.lat - a.lat) / RADIANS)
  return degrees < 0 ? degrees + 360 : degrees % 360
}

/** A point around another, `meters` away in standard deviation. */
export function scatter(point: Point, meters: number, random: Random): Point {
  return {
    lat: sixDigits(point.lat + (random.bell() * meters) / METERS_PER_DEGREE),
    lng: sixDigits(point.lng + (random.bell() * meters) / (METERS_PER_DEGREE * Math.cos(point.lat * RADIANS))),
  }
}

/** The point at `share` [0, 1] of the way. */
export function along(a: Point, b: Point, share: number): Point {
  return {
    lat: sixDigits(a.lat + (b.lat - a.lat) * share),
    lng: sixDigits(a.lng + (b.lng - a.lng) * share),
  }
}

/** Rounds to a tenth of a metre, as a phone reports. */
function sixDigits(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6
}
