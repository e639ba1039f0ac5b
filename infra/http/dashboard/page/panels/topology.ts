import type { TopicRate } from '../../sections/index.ts'
import { byId, el, showProblem, svg, table } from '../dom.ts'
import { shortCount } from '../format.ts'
import { Graph, layout } from '../lib/dagre.js'
import { getJson } from '../session.ts'
import { type Box, type Edge, LINE, layoutTopology, type Node, PAD, type Subtopology } from '../topology-layout.ts'

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
    const { width, height, boxes, edges } = layoutTopology({ Graph, layout }, this.#subtopologies)
    const picture = svg('svg', { viewBox: `0 0 ${width} ${height}` })
    picture.append(arrowHead())
    this.#edges = edges.map((edge) => {
      const { x, y } = edge.label
      return { edge, label: svg('text', { x, y: y + 4, class: 'rate' }) }
    })
    picture.append(...edges.map(edgeLine), ...this.#edges.map(({ label }) => label))
    for (const box of boxes) picture.append(this.#boxNode(box))
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

  #boxNode({ lines, subtopology, x, y, width, height }: Box): SVGElement {
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

const placesOf = ({ topics, topic, stores }: Node): readonly string[] => [
  ...(topics ?? []),
  ...(topic == null ? [] : [topic]),
  ...(stores ?? []),
]

function arrowHead(): SVGElement {
  const path = svg('path', { d: 'M0,0 L8,4 L0,8 z', class: 'arrow' })
  const marker = svg('marker', { id: 'arrow', markerWidth: 8, markerHeight: 8, refX: 7, refY: 4, orient: 'auto' }, path)
  return svg('defs', {}, marker)
}

function edgeLine({ points }: Edge): SVGElement {
  const d = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  return svg('path', { d, class: 'edge', 'marker-end': 'url(#arrow)' })
}
