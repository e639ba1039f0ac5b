import { svg } from '../dom.ts'
import { BOROUGHS } from './boroughs.ts'
import { fromWindow, metersPerPixel, project, toWindow, unproject, type View } from './projection.ts'

/* Lines of latitude and longitude, and a scale, show the place without a tile server. */

const DEGREES = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
const LINES = 3
const SCALE_PX = 120

/** Grid lines for the layer under the hexagons, and their labels for the layer above them. */
export function graticule(view: View): { readonly lines: SVGElement; readonly labels: SVGElement } {
  const low = unproject(fromWindow(view, { x: 0, y: view.height }))
  const high = unproject(fromWindow(view, { x: view.width, y: 0 }))
  const lines = svg('g', { 'aria-hidden': 'true' })
  const labels = svg('g', { 'aria-hidden': 'true' })
  for (const lat of steps(low.lat, high.lat)) {
    const { y } = toWindow(view, project(lat, 0))
    if (y > view.height - 30 || y < 24) continue
    lines.append(svg('line', { x1: 0, x2: view.width, y1: y, y2: y, class: 'grid' }))
    labels.append(svg('text', { x: 4, y: y - 4, class: 'gridtext halo' }, degrees(lat, 'N', 'S')))
  }
  for (const lng of steps(low.lng, high.lng)) {
    const { x } = toWindow(view, project(0, lng))
    if (x > view.width - 60 || x < 60) continue
    lines.append(svg('line', { x1: x, x2: x, y1: 0, y2: view.height, class: 'grid' }))
    labels.append(svg('text', { x: x + 4, y: 14, class: 'gridtext halo' }, degrees(lng, 'E', 'W')))
  }
  return { lines, labels }
}

/** Outlines of New York's boroughs for the layer under the hexagons, and their names for the layer above them. */
export function boroughLines(view: View): { readonly outlines: SVGElement; readonly names: SVGElement } {
  const outlines = svg('g', { 'aria-hidden': 'true' })
  const names = svg('g', { 'aria-hidden': 'true' })
  for (const { name, outline } of BOROUGHS) {
    const corners = outline.map(([lat, lng]) => toWindow(view, project(lat, lng)))
    const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)]
    const [left, right] = [Math.min(...xs), Math.max(...xs)]
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)]
    if (right < 0 || left > view.width || bottom < 0 || top > view.height) continue
    const points = corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
    outlines.append(svg('polygon', { points, class: 'borough' }))
    const words = { x: (left + right) / 2, y: bottom + 14, class: 'boroughtext halo' }
    names.append(svg('text', words, name))
  }
  return { outlines, names }
}

export function scaleBar(view: View): SVGElement {
  const perPixel = metersPerPixel(view)
  const room = perPixel * SCALE_PX
  const power = 10 ** Math.floor(Math.log10(room))
  const length = [5, 2, 1].map((n) => n * power).find((meters) => meters <= room) ?? power
  const px = length / perPixel
  const y = view.height - 12
  const words = length >= 1000 ? `${length / 1000} km` : `${length} m`
  return svg(
    'g',
    { 'aria-hidden': 'true' },
    svg('path', { d: `M12,${y - 5} V${y} H${12 + px} V${y - 5}`, class: 'scale' }),
    svg('text', { x: 16, y: y - 6, class: 'scaletext halo' }, words),
  )
}

function steps(from: number, to: number): readonly number[] {
  const step = DEGREES.find((degrees) => (to - from) / degrees >= LINES) ?? 0.001
  const first = Math.ceil(from / step)
  return Array.from({ length: Math.min(20, Math.floor(to / step) - first + 1) }, (_, index) => (first + index) * step)
}

function degrees(value: number, positive: string, negative: string): string {
  const text = Math.abs(value)
    .toFixed(3)
    .replace(/\.?0+$/, '')
  return `${text}° ${value < 0 ? negative : positive}`
}
