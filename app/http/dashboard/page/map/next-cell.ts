import type { Point } from './projection.ts'

/* From one cell of the map to another. Pure. */

type Places = ReadonlyMap<string, { readonly at: Point }>

/** The nearest cell in a direction (a unit vector), within 60 degrees of it; null: there is none. */
export function nextCell(cells: Places, from: Point, direction: Point): string | null {
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const [name, { at }] of cells) {
    const [x, y] = [at.x - from.x, at.y - from.y]
    const along = x * direction.x + y * direction.y
    const distance = Math.hypot(x, y)
    // A detour costs: of two that are as far, the one that is more in that direction comes first.
    const cost = 2 * distance - along
    if (along > distance / 2 && cost < least) [best, least] = [name, cost]
  }
  return best
}

export function nearestCell(cells: Places, to: Point): string | null {
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const [name, { at }] of cells) {
    const distance = Math.hypot(at.x - to.x, at.y - to.y)
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}
