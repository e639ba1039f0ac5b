/** WGS84 degrees. */
export interface Point {
  readonly lat: number
  readonly lng: number
}

/** Mean radius of WGS84, in metres. */
export const EARTH_RADIUS_M = 6_371_008.8
/** One degree. */
export const RADIANS = Math.PI / 180
/** Metres of one degree of latitude. */
export const METERS_PER_DEGREE = EARTH_RADIUS_M * RADIANS

/** Great-circle distance in metres (haversine, which is exact enough where distances are short). */
export function distanceMeters(a: Point, b: Point): number {
  return distanceFrom(a, Math.cos(a.lat * RADIANS), b.lat, b.lng)
}

/** The same for one `a` and many others. @param cosine of the latitude of `a` */
export function distanceFrom(a: Point, cosine: number, lat: number, lng: number): number {
  const sinLat = Math.sin(((lat - a.lat) * RADIANS) / 2)
  const sinLng = Math.sin(((lng - a.lng) * RADIANS) / 2)
  const h = sinLat * sinLat + cosine * Math.cos(lat * RADIANS) * sinLng * sinLng
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)))
}
