import type { RideSections } from '../sections.ts'
import { EventRange } from './event-range.ts'
import type { Panel } from './panel.ts'
import { CellMap } from './panels/cell-map.ts'
import { Lookup, type TripSearch } from './panels/lookup.ts'
import { Revenue } from './panels/revenue.ts'
import { Trips } from './panels/trips.ts'

const lookup = new Lookup()
const range = new EventRange()
const revenue = new Revenue(range)
const trips = new Trips(range, (status) => lookup.trips({ status, ...requestedIn(range) }))
const map = new CellMap((cell, counts) => lookup.cell(cell, counts))

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

/** Conditions of a search for the trips that the panel of the range counts. */
function requestedIn({ hours }: EventRange): TripSearch {
  if (hours === null) return {}
  const instant = (ms: number): string => new Date(ms).toISOString()
  return { from: instant(hours.first * 1000), to: instant((hours.last + 3600) * 1000 - 1) }
}
