/* Web Mercator on a plane of 1 by 1, and the window on it. Pure. */

export interface Point {
  readonly x: number
  readonly y: number
}

const EARTH_M = 40_075_016.686

export function project(lat: number, lng: number): Point {
  const clamped = Math.max(-85, Math.min(85, lat))
  const sin = Math.sin((clamped * Math.PI) / 180)
  return { x: lng / 360 + 0.5, y: 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI) }
}

export function unproject({ x, y }: Point): { readonly lat: number; readonly lng: number } {
  const n = Math.PI * (1 - 2 * y)
  return { lat: (Math.atan(Math.sinh(n)) * 180) / Math.PI, lng: (x - 0.5) * 360 }
}

/** The visible part of the plane, and its scale. */
export interface View {
  /** Point of the plane in the middle of the window. */
  readonly center: Point
  /** Pixels per unit of the plane. */
  readonly scale: number
  readonly width: number
  readonly height: number
}

export function toWindow({ center, scale, width, height }: View, { x, y }: Point): Point {
  return { x: (x - center.x) * scale + width / 2, y: (y - center.y) * scale + height / 2 }
}

export function fromWindow({ center, scale, width, height }: View, { x, y }: Point): Point {
  return { x: (x - width / 2) / scale + center.x, y: (y - height / 2) / scale + center.y }
}

export function metersPerPixel(view: View): number {
  const { lat } = unproject(view.center)
  return (EARTH_M * Math.cos((lat * Math.PI) / 180)) / view.scale
}

/** The same window, closer by `factor`; the point under `at` (pixels) stays in place. */
export function zoomed(view: View, factor: number, at: Point): View {
  const fixed = fromWindow(view, at)
  const scale = Math.max(view.width, Math.min(2 ** 28, view.scale * factor))
  const moved = { ...view, scale }
  const now = fromWindow(moved, at)
  return { ...moved, center: { x: view.center.x + fixed.x - now.x, y: view.center.y + fixed.y - now.y } }
}

export function panned(view: View, dx: number, dy: number): View {
  return { ...view, center: { x: view.center.x - dx / view.scale, y: view.center.y - dy / view.scale } }
}

/** A window on all these points but the outermost hundredth, so that one stray driver does not shrink a city to a dot. */
export function fitted(points: readonly Point[], width: number, height: number): View {
  const [left, right] = middle(points.map(({ x }) => x))
  const [top, bottom] = middle(points.map(({ y }) => y))
  const room = 1.25
  const scale = Math.min(width / Math.max(1e-6, (right - left) * room), height / Math.max(1e-6, (bottom - top) * room))
  return { center: { x: (left + right) / 2, y: (top + bottom) / 2 }, scale: Math.min(scale, 2 ** 26), width, height }
}

function middle(values: readonly number[]): readonly [number, number] {
  const sorted = [...values].sort((a, b) => a - b)
  const cut = Math.floor(sorted.length / 100)
  return [sorted[cut] ?? 0.5, sorted[sorted.length - 1 - cut] ?? 0.5]
}
