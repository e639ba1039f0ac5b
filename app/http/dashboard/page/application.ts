import type { RideSections } from '../sections.ts'
import { byId, el } from './dom.ts'
import { EventRange } from './event-range.ts'
import type { Panel } from './panel.ts'
import { CellMap } from './panels/cell-map.ts'
import { Lookup, type TripSearch } from './panels/lookup.ts'
import { Revenue } from './panels/revenue.ts'
import { Trips } from './panels/trips.ts'

const lookup = new Lookup()
const range = new EventRange()
const revenue = new Revenue(range)
const trips = new Trips(range, (status) => lookup.trips(countedAs(status, range)))
const map = new CellMap((cell, counts) => lookup.cell(cell, counts))
range.onChange(() => markNow(range))

/** Panels of rides, which main.ts of the kit (infra/http/dashboard/page) shows. */
export const panels: readonly Panel[] = [
  panel('trips', 'trips', (data) => trips.show(data)),
  panel('revenue', 'revenue', (data) => revenue.show(data)),
  panel('cells', 'map', (data) => map.show(data)),
]

/** The server checks the shape of each section when it compiles. */
function panel<N extends keyof RideSections>(section: N, place: string, show: (data: RideSections[N]) => void): Panel {
  return { section, place, show }
}

/** A search for the trips that the number of the panel counts: those of a status now, or those of past days that reached the stage. */
function countedAs(status: string, { hours }: EventRange): TripSearch {
  if (hours === null) return { status }
  const instant = (ms: number): string => new Date(ms).toISOString()
  return { reached: status, from: instant(hours.first * 1000), to: instant((hours.last + 3600) * 1000 - 1) }
}

/** Panels that know the present only say so while the others show past days. */
function markNow({ hours }: EventRange): void {
  for (const id of ['map', 'tasks', 'topology']) {
    const panel = byId(id, HTMLElement)
    panel.classList.toggle('of-now', hours !== null)
    panel.querySelector('.now-note')?.remove()
    if (hours !== null) {
      panel.querySelector('.hint')?.before(el('p', { class: 'now-note' }, 'Now, not on the days chosen above'))
    }
  }
}
