/* Where the boxes of a topology and the lines between them stand. Pure, and without the library: it comes as an argument. */

/* GET /topology, as far as it is drawn. */
export interface Node {
  readonly type: 'source' | 'processor' | 'sink'
  readonly name: string
  readonly topics?: readonly string[]
  readonly topic?: string | null
  readonly stores?: readonly string[]
  readonly successors: readonly string[]
}
export interface Subtopology {
  readonly id: number
  readonly nodes: readonly Node[]
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** Topics, or a sub-topology with its stores; x and y are the middle. */
export interface Box extends Point {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly lines: readonly string[]
  /** null: a box of topics. */
  readonly subtopology: Subtopology | null
}

/** The rate on it is that of these topics, which `ends` sub-topologies read or write. */
export interface Edge {
  /** Ids of boxes. */
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
  /** The middle of the rate's text. */
  readonly label: Point
  readonly topics: readonly string[]
  readonly flow: 'read' | 'written'
  readonly ends: number
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly edges: readonly Edge[]
}

/** The functions of dagre that are used. */
export interface LayoutLibrary {
  readonly Graph: new () => DagreGraph
  layout(graph: DagreGraph): unknown
}

interface DagreGraph {
  setGraph(label: object): unknown
  graph(): unknown
  setNode(id: string, label: object): unknown
  node(id: string): unknown
  setEdge(from: string, to: string, label: object): unknown
  edges(): ReadonlyArray<{ readonly v: string; readonly w: string }>
  edge(edge: { readonly v: string; readonly w: string }): unknown
}

const CHAR = 7
export const LINE = 16
export const PAD = 10
/** Room for a rate. */
const LABEL = { width: 44, height: 14, labelpos: 'c' }

type Routed = Point & Pick<Edge, 'topics' | 'flow' | 'ends' | 'points'>

/** Topics and sub-topologies in columns. No line crosses a box: lines are oblique between columns only. */
export function layoutTopology({ Graph, layout }: LayoutLibrary, subtopologies: readonly Subtopology[]): Layout {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 46, marginx: 6, marginy: 6 })
  const contents = new Map<string, Pick<Box, 'lines' | 'subtopology'>>()
  const put = (id: string, lines: readonly string[], subtopology: Subtopology | null): void => {
    contents.set(id, { lines, subtopology })
    const width = Math.max(...lines.map((line) => line.length)) * CHAR + 2 * PAD
    graph.setNode(id, { width, height: lines.length * LINE + 2 * PAD - 4 })
  }
  for (const subtopology of subtopologies) put(`sub ${subtopology.id}`, titleOf(subtopology), subtopology)
  for (const { topics, from, to } of topicGroups(subtopologies)) {
    const id = `topics ${topics.join(' ')}`
    put(id, topics, null)
    for (const sub of from) graph.setEdge(`sub ${sub}`, id, { ...LABEL, topics, flow: 'written', ends: from.length })
    for (const sub of to) graph.setEdge(id, `sub ${sub}`, { ...LABEL, topics, flow: 'read', ends: to.length })
  }
  layout(graph)
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number }
  const boxes = [...contents].map(([id, content]): Box => {
    const placed = graph.node(id) as Omit<Box, keyof typeof content | 'id'>
    return { id, ...content, x: placed.x, y: placed.y, width: placed.width, height: placed.height }
  })
  const columns = columnsOf(boxes)
  const edges = graph.edges().map((edge): Edge => {
    const { topics, flow, ends, x, y, points } = graph.edge(edge) as Routed
    const [from, to] = [edge.v, edge.w].map((id) => boxes.find((box) => box.id === id)) as [Box, Box]
    // The first and the last point are where the library would enter the boxes.
    const route = routeOf({ from, to, between: points.slice(1, -1), columns })
    return { from: from.id, to: to.id, points: route, label: { x, y }, topics, flow, ends }
  })
  return { width, height, boxes, edges }
}

/** Boxes one above the other, by the middle of all of them. */
interface Column {
  readonly left: number
  readonly right: number
}

const MIDDLES_DIFFER = 0.5

function columnsOf(boxes: readonly Box[]): readonly Column[] {
  const sorted = [...boxes].sort((a, b) => a.x - b.x)
  const columns: (Column & Pick<Point, 'x'>)[] = []
  for (const { x, width } of sorted) {
    const last = columns.at(-1)
    const [left, right] = [x - width / 2, x + width / 2]
    if (last === undefined || x - last.x > MIDDLES_DIFFER) columns.push({ x, left, right })
    else columns[columns.length - 1] = { x, left: Math.min(last.left, left), right: Math.max(last.right, right) }
  }
  return columns
}

interface Way {
  readonly from: Box
  readonly to: Box
  /** The library keeps these free of boxes at their height, in each column that the line passes. */
  readonly between: readonly Point[]
  readonly columns: readonly Column[]
}

/** Straight through the columns, oblique between them. */
function routeOf({ from, to, between, columns }: Way): readonly Point[] {
  const isForward = from.x <= to.x
  const out = isForward ? 'right' : 'left'
  const into = isForward ? 'left' : 'right'
  const columnAt = (x: number): Column | undefined => columns.find(({ left, right }) => left <= x && x <= right)
  const sideOf = (box: Box, side: keyof Column): number => box.x + (side === 'right' ? box.width : -box.width) / 2
  const edgeOf = (x: number, side: keyof Column): number => columnAt(x)?.[side] ?? x
  return [
    { x: sideOf(from, out), y: from.y },
    { x: edgeOf(from.x, out), y: from.y },
    ...between.flatMap(({ x, y }) => [
      { x: edgeOf(x, into), y },
      { x: edgeOf(x, out), y },
    ]),
    { x: edgeOf(to.x, into), y: to.y },
    { x: sideOf(to, into), y: to.y },
  ]
}

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
