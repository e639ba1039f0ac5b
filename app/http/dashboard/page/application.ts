import type { RideSections } from '../sections.ts'
import type { Panel } from './panel.ts'
import { CellMap } from './panels/cell-map.ts'
import { Lookup } from './panels/lookup.ts'
import { Revenue } from './panels/revenue.ts'
import { Trips } from './panels/trips.ts'

const lookup = new Lookup()
const revenue = new Revenue()
const trips = new Trips((status) => lookup.trips({ status }))
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
