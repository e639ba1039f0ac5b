import type { Counted } from '../../../../../infra/http/dashboard/sections/index.ts'
import type { CellCounts } from '../../sections.ts'
import { byId, el, svg } from '../dom.ts'
import { count, duration, plural } from '../format.ts'
import { CellKeys, type PlacedCell } from '../map/cell-keys.ts'
import { boundaryOf, centerOf, type DrawnCell, drawnResolution, rolledUp } from '../map/cells.ts'
import { boroughLines, graticule, scaleBar } from '../map/orientation.ts'
import {
  fitted,
  fromWindow,
  metersPerPixel,
  type Point,
  panned,
  toWindow,
  type View,
  zoomed,
} from '../map/projection.ts'

const STEP = 1.6
const SHADES = 5

/** Drivers on a map of hexagons. Owns the window on it; until the person moves it, it follows the drivers. */
export class CellMap {
  readonly #picture = svg('svg', {
    role: 'group',
    'aria-label':
      'Map of drivers by H3 cell. Arrows go from cell to cell, with Shift they move the map; Enter shows the drivers of a cell; + and - zoom, 0 fits.',
  })
  readonly #back = svg('g')
  readonly #hexagons = svg('g')
  readonly #front = svg('g')
  readonly #drawn = new Map<string, PlacedCell>()
  readonly #keys: CellKeys
  readonly #legend = byId('map-legend', HTMLElement)
  readonly #note = byId('map-note', HTMLElement)
  readonly #onChosen: (cell: string, counts: string) => void
  #data: Counted<CellCounts> | null = null
  #view: View | null = null
  #moved = false
  #chosen = ''

  /** @param onChosen called with the clicked cell, and its counts in words */
  constructor(onChosen: (cell: string, counts: string) => void) {
    this.#onChosen = onChosen
    const place = byId('map-canvas', HTMLElement)
    this.#picture.append(this.#back, this.#hexagons, this.#front)
    place.append(this.#picture)
    byId('map-in', HTMLElement).addEventListener('click', () => this.#zoom(STEP))
    byId('map-out', HTMLElement).addEventListener('click', () => this.#zoom(1 / STEP))
    byId('map-fit', HTMLElement).addEventListener('click', () => this.#fit())
    new ResizeObserver(() => this.#resize()).observe(place)
    this.#listenForDrags()
    this.#keys = new CellKeys(this.#picture, {
      choose: (cell) => this.#choose(cell),
      zoom: (factor) => this.#zoom(factor),
      pan: (right, down) => this.#pan(right, down),
      fit: () => this.#fit(),
    })
  }

  show(data: Counted<CellCounts>): void {
    this.#data = data
    // When no driver is left, the window stays where they were.
    if (!this.#moved && !this.#seesAll()) this.#view = this.#fittedView() ?? this.#view
    this.#draw()
  }

  #size(): { width: number; height: number } {
    const { clientWidth, clientHeight } = this.#picture
    return { width: Math.max(100, clientWidth), height: Math.max(100, clientHeight) }
  }

  #resize(): void {
    if (this.#view === null) return
    const resized = { ...this.#view, ...this.#size() }
    this.#view = this.#moved ? resized : (this.#fittedView() ?? resized)
    this.#draw()
  }

  #fittedView(): View | null {
    const cells = this.#data?.value.cells ?? []
    const { width, height } = this.#size()
    return cells.length === 0
      ? null
      : fitted(
          cells.map(([cell]) => centerOf(cell)),
          width,
          height,
        )
  }

  /** The window still nearly equals a newly fitted one. Without this tolerance it would move with every driver. */
  #seesAll(): boolean {
    const [now, best] = [this.#view, this.#fittedView()]
    if (now === null || best === null) return false
    const corner = fromWindow(best, { x: 0, y: 0 })
    const seen = toWindow(now, corner)
    const slack = 0.1 * now.width
    return seen.x > -slack && seen.y > -slack && Math.abs(Math.log(best.scale / now.scale)) < 0.25
  }

  #fit(): void {
    this.#moved = false
    this.#picture.classList.remove('moved')
    this.#view = this.#fittedView() ?? this.#view
    this.#draw()
  }

  #zoom(factor: number, at?: Point): void {
    if (this.#view === null) return
    const { width, height } = this.#view
    this.#move(zoomed(this.#view, factor, at ?? { x: width / 2, y: height / 2 }))
  }

  #pan(right: number, down: number): void {
    const view = this.#view
    if (view !== null) this.#move(panned(view, -right * view.width, -down * view.height))
  }

  #move(view: View): void {
    this.#moved = true
    // A finger now moves the map, not the page; Fit ends this.
    this.#picture.classList.add('moved')
    this.#view = view
    this.#draw()
  }

  #listenForDrags(): void {
    const picture = this.#picture
    let last: Point | null = null
    let travelled = 0
    picture.addEventListener('pointerdown', ({ offsetX: x, offsetY: y }) => {
      last = { x, y }
      travelled = 0
    })
    picture.addEventListener('pointermove', ({ offsetX: x, offsetY: y, buttons, pointerId, pointerType }) => {
      if (last === null || buttons === 0 || this.#view === null) return
      if (pointerType === 'touch' && !this.#moved) return
      travelled += Math.abs(x - last.x) + Math.abs(y - last.y)
      if (travelled < 4) return
      picture.setPointerCapture(pointerId)
      this.#move(panned(this.#view, x - last.x, y - last.y))
      last = { x, y }
    })
    for (const end of ['pointerup', 'pointercancel'] as const) {
      picture.addEventListener(end, () => {
        last = null
      })
    }
    picture.addEventListener(
      'wheel',
      (event) => {
        // The wheel without a modifier scrolls the page.
        if (!event.ctrlKey && !event.metaKey) return
        event.preventDefault()
        this.#zoom(Math.exp(-event.deltaY / 300), { x: event.offsetX, y: event.offsetY })
      },
      { passive: false },
    )
  }

  #draw(): void {
    const view = this.#view
    if (this.#data === null) return
    if (view === null) {
      this.#note.textContent = this.#data.complete ? 'No driver yet.' : 'counting'
      return
    }
    const { value, tookMs } = this.#data
    const resolution = drawnResolution(value.resolution, metersPerPixel(view))
    const cells = rolledUp(value.cells, resolution)
    const limits = shadeLimits(cells)
    const { lines, labels } = graticule(view)
    const boroughs = boroughLines(view)
    this.#back.replaceChildren(lines, boroughs.outlines)
    this.#front.replaceChildren(labels, boroughs.names, scaleBar(view))
    const gone = new Set(this.#drawn.keys())
    for (const cell of cells) {
      const corners = boundaryOf(cell.cell).map((corner) => toWindow(view, corner))
      if (!corners.some(({ x, y }) => x > 0 && y > 0 && x < view.width && y < view.height)) continue
      gone.delete(cell.cell)
      const hexagon = this.#hexagon(cell, corners, limits)
      this.#drawn.set(cell.cell, { hexagon, at: toWindow(view, centerOf(cell.cell)) })
    }
    const removed = [...gone].map((name) => this.#drawn.get(name)?.hexagon)
    for (const name of gone) this.#drawn.delete(name)
    this.#keys.update(this.#drawn, { x: view.width / 2, y: view.height / 2 })
    for (const hexagon of removed) hexagon?.remove()
    this.#tell(cells, limits, resolution, tookMs)
  }

  #hexagon(cell: DrawnCell, corners: readonly Point[], limits: readonly number[]): SVGPolygonElement {
    let hexagon = this.#drawn.get(cell.cell)?.hexagon
    if (hexagon === undefined) {
      hexagon = svg('polygon', { role: 'button', tabindex: -1, 'data-cell': cell.cell }, svg('title'))
      const name = cell.cell
      hexagon.addEventListener('click', () => this.#choose(name))
      this.#hexagons.append(hexagon)
    }
    const words = wordsOf(cell)
    hexagon.setAttribute('points', corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '))
    hexagon.setAttribute(
      'class',
      `cell heat-${shadeOf(cell.total, limits)}${name(cell) === this.#chosen ? ' chosen' : ''}`,
    )
    hexagon.setAttribute('aria-label', `${cell.cell}: ${words}`)
    const title = hexagon.firstChild
    if (title !== null) title.textContent = `${words}\n${cell.cell}`
    hexagon.dataset.words = words
    return hexagon
  }

  #choose(cell: string): void {
    this.#drawn.get(this.#chosen)?.hexagon.classList.remove('chosen')
    this.#chosen = cell
    const hexagon = this.#drawn.get(cell)?.hexagon
    hexagon?.classList.add('chosen')
    this.#onChosen(cell, hexagon?.dataset.words ?? '')
  }

  #tell(cells: readonly DrawnCell[], limits: readonly number[], resolution: number, tookMs: number): void {
    const shades = limits.map((limit, index) => {
      const from = (limits[index - 1] ?? 0) + 1
      return swatch(index + 1, from === limit ? count(from) : `${count(from)}–${count(limit)}`)
    })
    this.#legend.replaceChildren(el('span', {}, 'drivers per cell'), swatch(0, 'all offline'), ...shades)
    const drivers = cells.reduce((sum, { total }) => sum + total, 0)
    const offline = cells.reduce((sum, cell) => sum + cell.offline, 0)
    const busy = cells.filter(({ total }) => total > 0).length
    const age = tookMs > 3000 ? `, counted over ${duration(tookMs / 1000)}` : ''
    this.#note.textContent = `${plural(drivers, 'driver')} in ${plural(busy, 'cell')} of resolution ${resolution}; ${count(offline)} offline${age}.`
    this.#note.append(
      el('span', { class: 'mouse' }, ' Ctrl + wheel zooms, dragging moves; by keyboard: arrows, +, − and Enter.'),
    )
  }
}

function swatch(shade: number, words: string): HTMLElement {
  const square = svg('svg', { viewBox: '0 0 14 14' }, svg('rect', { width: 14, height: 14, class: `heat-${shade}` }))
  return el('span', {}, square, words)
}

const name = ({ cell }: DrawnCell): string => cell

function wordsOf({ total, available, onTrip, unknown, offline }: DrawnCell): string {
  const parts = [`${count(available)} available`, `${count(onTrip)} on a trip`]
  if (unknown > 0) parts.push(`${count(unknown)} unknown`)
  if (offline > 0) parts.push(`${count(offline)} offline besides`)
  return `${plural(total, 'driver')}: ${parts.join(', ')}`
}

/** Upper limits of the shades: evenly over the ranks of the cells, so that both a village and a city show their shape. */
function shadeLimits(cells: readonly DrawnCell[]): readonly number[] {
  const totals = cells
    .map(({ total }) => total)
    .filter((total) => total > 0)
    .sort((a, b) => a - b)
  const most = totals.at(-1)
  if (most === undefined) return []
  const limits = new Set<number>()
  for (let shade = 1; shade < SHADES; shade++) limits.add(totals[Math.floor((totals.length * shade) / SHADES)] ?? most)
  limits.add(most)
  return [...limits]
}

function shadeOf(total: number, limits: readonly number[]): number {
  if (total === 0) return 0
  const index = limits.findIndex((limit) => total <= limit)
  return index === -1 ? SHADES : index + 1
}
