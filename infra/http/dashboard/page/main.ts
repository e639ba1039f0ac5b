import type { FlowPoint, SectionData, SectionName, Sections } from '../sections.ts'
import { byId, showProblem } from './dom.ts'
import { CellMap } from './panels/cell-map.ts'
import { FlowCharts } from './panels/flow-charts.ts'
import { Letters } from './panels/letters.ts'
import { Lookup } from './panels/lookup.ts'
import { Revenue } from './panels/revenue.ts'
import { Tasks } from './panels/tasks.ts'
import { Tiles } from './panels/tiles.ts'
import { Topology } from './panels/topology.ts'
import { Trips } from './panels/trips.ts'
import { followEvents } from './stream.ts'

const tiles = new Tiles()
const charts = new FlowCharts()
const lookup = new Lookup()
const revenue = new Revenue()
const trips = new Trips((status) => lookup.trips(status))
const map = new CellMap((cell, counts) => lookup.cell(cell, counts))
const tasks = new Tasks()
const letters = new Letters()
const connection = byId('connection', HTMLElement)

const SHOW: { readonly [N in SectionName]: (data: Sections[N]) => void } = {
  flow(flow) {
    tiles.show(flow)
    charts.add(flow)
  },
  trips: (data) => trips.show(data),
  revenue: (data) => revenue.show(data),
  cells: (data) => map.show(data),
  tasks: (data) => tasks.show(data),
  letters: (data) => letters.show(data),
}

/** Where the problem of a section is told; of the flow in the head line. */
const PLACES: Readonly<Partial<Record<SectionName, string>>> = {
  trips: 'trips',
  revenue: 'revenue',
  cells: 'map',
  tasks: 'tasks',
  letters: 'letters',
}

function showSection<N extends SectionName>(name: N, { data, problem }: SectionData<Sections[N]>): void {
  const place = PLACES[name]
  if (place !== undefined) showProblem(place, problem)
  if (data !== null) SHOW[name](data)
}

function isSection(name: string): name is SectionName {
  return Object.hasOwn(SHOW, name)
}

void new Topology().load()
void followEvents('dashboard/events', {
  onEvent(name, data) {
    if (name === 'history') charts.begin(data as FlowPoint[])
    // The server checks the shape of each section when it is compiled with this page.
    else if (isSection(name)) showSection(name, data as SectionData<never>)
  },
  onStatus(status, why) {
    const words = status === 'lost' ? `connection lost (${why}), trying again` : status
    if (connection.textContent !== words) connection.textContent = words
    connection.className = status === 'lost' ? 'bad' : ''
  },
})
