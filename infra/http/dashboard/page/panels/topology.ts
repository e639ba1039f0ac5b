import type { TopicRate } from '../../sections/index.ts'
import { byId, el, showProblem, svg, table } from '../dom.ts'
import { shortCount } from '../format.ts'
import { Graph, layout } from '../lib/dagre.js'
import { getJson } from '../session.ts'

/* GET /topology, as far as it is drawn. */
interface Node {
  readonly type: 'source' | 'processor' | 'sink'
  readonly name: string
  readonly topics?: readonly string[]
  readonly topic?: string | null
  readonly stores?: readonly string[]
  readonly successors: readonly string[]
}
interface Subtopology {
  readonly id: number
  readonly nodes: readonly Node[]
}
interface Box {
  readonly lines: readonly string[]
  readonly subtopology: Subtopology | null
}

const CHAR = 7
const LINE = 16
const PAD = 10

/** Topics and sub-topologies as a layered graph; the processors of one beneath it. */
export class Topology {
  readonly #place = byId('topology-graph', HTMLElement)
  readonly #detail = byId('topology-detail', HTMLElement)
  #subtopologies: readonly Subtopology[] = []
  #edges: ReadonlyArray<{ readonly edge: Edge; readonly label: SVGElement }> = []

  async load(): Promise<void> {
    try {
      this.#subtopologies = ((await getJson('topology')) as { subtopologies: readonly Subtopology[] }).subtopologies
      this.#draw()
      new ResizeObserver(() => this.#fit()).observe(this.#place)
    } catch (error) {
      showProblem('topology', error instanceof Error ? error.message : String(error))
    }
  }

  /** Writes the records per second on the edges. */
  showRates(rates: readonly TopicRate[]): void {
    const byTopic = new Map(rates.map(([topic, read, written]) => [topic, { read, written }]))
    for (const { edge, label } of this.#edges) {
      const { topics, flow, ends } = edge
      const sum = topics.reduce((all, topic) => all + (byTopic.get(topic)?.[flow] ?? 0), 0)
      // Each reader reads all; nobody knows which of several writers wrote what.
      const isKnown = rates.length > 0 && (flow === 'read' || ends === 1)
      label.textContent = isKnown ? `${shortCount(flow === 'read' ? sum / ends : sum)}/s` : ''
    }
  }

  #draw(): void {
    const graph = new Graph()
    graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 46, marginx: 6, marginy: 6 })
    const boxes = new Map<string, Box>()
    const put = (id: string, box: Box): void => {
      boxes.set(id, box)
      const width = Math.max(...box.lines.map((line) => line.length)) * CHAR + 2 * PAD
      graph.setNode(id, { width, height: box.lines.length * LINE + 2 * PAD - 4 })
    }
    for (const subtopology of this.#subtopologies) {
      put(`sub ${subtopology.id}`, { lines: titleOf(subtopology), subtopology })
    }
    for (const { topics, from, to } of topicGroups(this.#subtopologies)) {
      const id = `topics ${topics.join(' ')}`
      put(id, { lines: topics, subtopology: null })
      for (const sub of from) graph.setEdge(`sub ${sub}`, id, { ...LABEL, topics, flow: 'written', ends: from.length })
      for (const sub of to) graph.setEdge(id, `sub ${sub}`, { ...LABEL, topics, flow: 'read', ends: to.length })
    }
    layout(graph)
    const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number }
    const picture = svg('svg', { viewBox: `0 0 ${width} ${height}` })
    picture.append(arrowHead())
    const edges: readonly Edge[] = [...graph.edges()].map((edge) => graph.edge(edge))
    this.#edges = edges.map((edge) => ({ edge, label: svg('text', { x: edge.x, y: edge.y + 4, class: 'rate' }) }))
    picture.append(...edges.map(edgeLine), ...this.#edges.map(({ label }) => label))
    for (const [id, box] of boxes) picture.append(this.#boxNode(box, graph.node(id) as Placed))
    this.#place.replaceChildren(picture)
    this.#fit()
  }

  /** Fits the graph to the page while the text stays readable; beyond that it scrolls. */
  #fit(): void {
    const picture = this.#place.querySelector('svg')
    if (picture === null) return
    const { width, height } = picture.viewBox.baseVal
    const scale = Math.min(1.15, Math.max(0.8, this.#place.clientWidth / width))
    picture.setAttribute('width', String(Math.floor(width * scale)))
    picture.setAttribute('height', String(Math.ceil(height * scale)))
  }

  #boxNode({ lines, subtopology }: Box, { x, y, width, height }: Placed): SVGElement {
    const isSub = subtopology !== null
    const rect = svg('rect', {
      x: x - width / 2,
      y: y - height / 2,
      width,
      height,
      rx: isSub ? 6 : height / 2 > 16 ? 14 : height / 2,
      class: isSub ? 'box sub' : 'box',
    })
    const texts = lines.map((line, index) =>
      svg(
        'text',
        {
          x: x - width / 2 + PAD,
          y: y - height / 2 + PAD + 10 + index * LINE,
          class: `graphtext ${isSub && index === 0 ? 'strong' : isSub ? 'soft' : ''}`,
        },
        line,
      ),
    )
    const group = svg('g', { class: 'node' }, rect, ...texts)
    if (subtopology === null) return group
    group.setAttribute('role', 'button')
    group.setAttribute('tabindex', '0')
    group.setAttribute('aria-label', `${lines.join(', ')}: show its processors`)
    const choose = (): void => {
      for (const other of this.#place.querySelectorAll('.chosen')) other.classList.remove('chosen')
      rect.classList.add('chosen')
      this.#explain(subtopology)
    }
    group.addEventListener('click', choose)
    group.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      choose()
    })
    return group
  }

  #explain({ id, nodes }: Subtopology): void {
    this.#detail.replaceChildren(
      table(
        `Sub-topology ${id}`,
        [
          { head: 'Processor', cell: ({ name }: Node) => name },
          { head: 'Type', cell: ({ type }) => type, kind: 'short' },
          { head: 'Topic or store', cell: (node) => placesOf(node).join(', ') },
          { head: 'Then', cell: ({ successors }) => successors.join(', ') },
        ],
        nodes,
      ),
      el('p', { class: 'note' }, `its tasks are ${id}_0, ${id}_1, …`),
    )
  }
}

/** Room for a rate. */
const LABEL = { width: 44, height: 14, labelpos: 'c' }

type Point = { readonly x: number; readonly y: number }
/** The rate on it is that of these topics, which `ends` sub-topologies read or write. */
type Edge = Point & {
  readonly points: readonly Point[]
  readonly topics: readonly string[]
  readonly flow: 'read' | 'written'
  readonly ends: number
}
type Placed = Point & { readonly width: number; readonly height: number }

const placesOf = ({ topics, topic, stores }: Node): readonly string[] => [
  ...(topics ?? []),
  ...(topic == null ? [] : [topic]),
  ...(stores ?? []),
]

function titleOf({ id, nodes }: Subtopology): readonly string[] {
  const stores = [...new Set(nodes.flatMap((node) => node.stores ?? []))]
  return [`Sub-topology ${id}`, ...stores.map((store) => `store ${store}`)]
}

interface TopicGroup {
  readonly topics: readonly string[]
  readonly from: readonly number[]
  readonly to: readonly number[]
}

/** Topics that the same sub-topologies write and read, in one box. */
function topicGroups(subtopologies: readonly Subtopology[]): readonly TopicGroup[] {
  const writers = new Map<string, number[]>()
  const readers = new Map<string, number[]>()
  const note = (map: Map<string, number[]>, topic: string, id: number): void => {
    map.set(topic, [...(map.get(topic) ?? []), id])
  }
  for (const { id, nodes } of subtopologies) {
    for (const node of nodes) {
      for (const topic of node.topics ?? []) note(readers, topic, id)
      if (node.topic != null) note(writers, node.topic, id)
    }
  }
  const groups = new Map<string, TopicGroup & { readonly topics: string[] }>()
  for (const topic of new Set([...readers.keys(), ...writers.keys()])) {
    const [from, to] = [writers.get(topic) ?? [], readers.get(topic) ?? []]
    const name = `${from.join()}>${to.join()}`
    const group = groups.get(name) ?? { topics: [], from, to }
    group.topics.push(topic)
    groups.set(name, group)
  }
  return [...groups.values()]
}

function arrowHead(): SVGElement {
  const path = svg('path', { d: 'M0,0 L8,4 L0,8 z', class: 'arrow' })
  const marker = svg('marker', { id: 'arrow', markerWidth: 8, markerHeight: 8, refX: 7, refY: 4, orient: 'auto' }, path)
  return svg('defs', {}, marker)
}

function edgeLine({ points }: Edge): SVGElement {
  const d = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  return svg('path', { d, class: 'edge', 'marker-end': 'url(#arrow)' })
}
