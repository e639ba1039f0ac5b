import type { FlowPoint, SectionData, SectionName, Sections } from '../sections/index.ts'
import { panels as ofApplication } from './application.ts'
import { byId, el, foldOnPhones, showProblem } from './dom.ts'
import type { Panel } from './panel.ts'
import { FlowCharts } from './panels/flow-charts.ts'
import { Letters } from './panels/letters.ts'
import { Stores } from './panels/stores.ts'
import { Tasks } from './panels/tasks.ts'
import { Tiles } from './panels/tiles.ts'
import { Topology } from './panels/topology.ts'
import { sendTokenWith } from './session.ts'
import { followEvents } from './stream.ts'

const tiles = new Tiles()
const charts = new FlowCharts()
const tasks = new Tasks()
const letters = new Letters()
const stores = new Stores()
const topology = new Topology()
const connection = byId('connection', HTMLElement)

const panels = new Map(
  [
    panel('flow', null, (flow) => {
      tiles.show(flow)
      charts.add(flow)
    }),
    panel('tasks', 'tasks', (data) => {
      tasks.show(data)
      // Not before: until the first event the token may be missing.
      void stores.load()
    }),
    panel('rates', null, (data) => topology.showRates(data)),
    panel('letters', 'letters', (data) => {
      letters.show(data)
      tiles.showLetters(data)
    }),
    ...ofApplication,
  ].map((one) => [one.section, one]),
)

/** The server checks the shape of each section when it is compiled. */
function panel<N extends SectionName>(section: N, place: string | null, show: (data: Sections[N]) => void): Panel {
  return { section, place, show }
}

function showSection(found: Panel, { data, problem }: SectionData<unknown>): void {
  if (found.place !== null) showProblem(found.place, problem)
  if (data !== null) found.show(data)
}

byId('sections', HTMLElement).append(
  ...[...document.querySelectorAll<HTMLElement>('main > [data-link]')].map((section) =>
    el('a', { href: `#${section.id}` }, section.dataset.link ?? ''),
  ),
)
sendTokenWith(document.querySelectorAll<HTMLAnchorElement>('footer a'))
foldOnPhones()
void topology.load()
void followEvents('dashboard/events', {
  onEvent(name, data) {
    const found = panels.get(name)
    if (name === 'history') charts.begin(data as FlowPoint[])
    else if (found !== undefined) showSection(found, data as SectionData<unknown>)
  },
  onStatus(status, why) {
    const words = status === 'lost' ? `connection lost (${why}), trying again` : status
    if (connection.textContent !== words) connection.textContent = words
    connection.className = status === 'lost' ? 'bad' : ''
    // The page shows the last known numbers then.
    document.body.classList.toggle('stale', status === 'lost')
  },
})
