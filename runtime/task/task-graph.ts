import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { SourceNode, Subtopology } from '../../topology/plan.ts'
import type { OutputCollector } from '../commit/output-collector.ts'
import { ProcessorTaskNode, SinkTaskNode, type TaskEnvironment, type TaskNode } from './task-node.ts'

/** The nodes of one task, wired as its subtopology says. */
export class TaskGraph {
  readonly #processors: ProcessorTaskNode[] = []
  readonly #sourceChildren = new Map<string, readonly TaskNode[]>()

  constructor({ nodes, id }: Subtopology, task: TaskEnvironment, collector: OutputCollector) {
    const byName = new Map<string, TaskNode>()
    const parents: { node: ProcessorTaskNode; children: readonly string[] }[] = []
    for (const node of nodes) {
      if (node.type === 'processor') {
        const processor = new ProcessorTaskNode(node, task)
        this.#processors.push(processor)
        byName.set(node.name, processor)
        parents.push({ node: processor, children: node.children })
      } else if (node.type === 'sink') byName.set(node.name, new SinkTaskNode(node, task, collector))
    }
    const resolve = (names: readonly string[]): TaskNode[] =>
      names.map((name) => {
        const child = byName.get(name)
        if (child === undefined) throw new StreamsTopologyError(`node ${name} is not in subtopology ${id}`)
        return child
      })
    for (const { node, children } of parents) node.children = resolve(children)
    for (const node of nodes) if (node.type === 'source') this.#sourceChildren.set(node.name, resolve(node.children))
  }

  /** The nodes that receive the records of that source. */
  childrenOf(source: string): readonly TaskNode[] {
    return this.#sourceChildren.get(source) ?? []
  }

  /** Puts a node between each source and its children. */
  wrapSources(wrap: (source: string, children: readonly TaskNode[]) => TaskNode): void {
    for (const [source, children] of this.#sourceChildren) this.#sourceChildren.set(source, [wrap(source, children)])
  }

  /** Calls init() of the processors, parents first. */
  init(): void {
    for (const processor of this.#processors) processor.init()
  }

  close(): void {
    for (const processor of this.#processors) processor.close()
  }
}

export function sourceNodeOf(subtopology: Subtopology, topic: string): SourceNode {
  for (const node of subtopology.nodes) if (node.type === 'source' && node.topics.includes(topic)) return node
  throw new StreamsTopologyError(`subtopology ${subtopology.id} has no source for ${topic}`)
}
