import { nearestCell, nextCell } from './next-cell.ts'
import type { Point } from './projection.ts'

/** A cell on the map: its hexagon, and its centre in the window. */
export interface PlacedCell {
  readonly hexagon: SVGPolygonElement
  readonly at: Point
}

export interface KeyActions {
  choose(cell: string): void
  zoom(factor: number): void
  /** Moves the window by shares of its size. */
  pan(right: number, down: number): void
  fit(): void
}

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}
const ZOOM = 1.6
const PAN = 0.25

/*
 * Owns which hexagon of the map has the focus.
 * 1. The map is one stop of the Tab key: exactly one hexagon of those drawn has tabindex 0.
 * 2. A focus is not lost: when its hexagon goes, it moves to the one that is nearest to where it was.
 */
export class CellKeys {
  readonly #picture: SVGSVGElement
  readonly #actions: KeyActions
  #cells: ReadonlyMap<string, PlacedCell> = new Map()
  #current: string | null = null
  #lastAt: Point | null = null

  constructor(picture: SVGSVGElement, actions: KeyActions) {
    this.#picture = picture
    this.#actions = actions
    picture.addEventListener('keydown', (event) => this.#press(event))
    picture.addEventListener('focusin', ({ target }) => {
      for (const [name, { hexagon }] of this.#cells) if (hexagon === target) this.#setCurrent(name)
    })
  }

  /** To be called after each drawing, before hexagons of other cells are removed. `middle`: of the window. */
  update(cells: ReadonlyMap<string, PlacedCell>, middle: Point): void {
    const hadFocus = this.#picture.contains(document.activeElement)
    this.#cells = cells
    const kept = this.#current === null ? undefined : cells.get(this.#current)
    const name = kept === undefined ? nearestCell(cells, this.#lastAt ?? middle) : this.#current
    this.#current = null
    if (name === null) return
    this.#setCurrent(name)
    if (hadFocus && kept === undefined) cells.get(name)?.hexagon.focus({ preventScroll: true })
  }

  #setCurrent(name: string): void {
    if (this.#current !== null) this.#cells.get(this.#current)?.hexagon.setAttribute('tabindex', '-1')
    this.#current = name
    const cell = this.#cells.get(name)
    cell?.hexagon.setAttribute('tabindex', '0')
    this.#lastAt = cell?.at ?? null
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const arrow = ARROWS[event.key]
    if (arrow !== undefined) this.#go(arrow, event.shiftKey)
    else if (event.key === '+' || event.key === '=') this.#actions.zoom(ZOOM)
    else if (event.key === '-') this.#actions.zoom(1 / ZOOM)
    else if (event.key === '0') this.#actions.fit()
    else if ((event.key === 'Enter' || event.key === ' ') && this.#current !== null) this.#actions.choose(this.#current)
    else return
    event.preventDefault()
  }

  /** To the next hexagon in that direction; where there is none, the window moves. */
  #go({ x, y }: Point, isPan: boolean): void {
    const from = this.#current === null ? undefined : this.#cells.get(this.#current)
    const next = isPan || from === undefined ? null : nextCell(this.#cells, from.at, { x, y })
    if (next === null) this.#actions.pan(x * PAN, y * PAN)
    else this.#cells.get(next)?.hexagon.focus({ preventScroll: true })
  }
}
