import { aFunction } from '../given.ts'
import { validateName } from '../names.ts'
import { type Branches, branch } from '../operators/branch.ts'
import { passThrough } from '../operators/stateless.ts'
import type { StreamHandle } from './dsl.ts'
import type { GraphNode } from './graph.ts'
import type { Named } from './options.ts'
import type { Branched, BranchedKStream, KStream } from './types.ts'

export class BranchedKStreamImpl<K, V> implements BranchedKStream<K, V> {
  readonly #source: StreamHandle<K, V>
  readonly #name: string
  readonly #node: GraphNode
  readonly #branches: Branches<K, V> = { predicates: [], children: [] }
  readonly #streams = new Map<string, KStream<K, V>>()

  constructor(source: StreamHandle<K, V>, options: Named) {
    const { graph } = source.dsl
    const name = graph.names.orElse(options.name, 'KSTREAM-BRANCH-')
    this.#source = source
    this.#name = name
    const supplier = branch(this.#branches)
    this.#node = graph.add(source.node, {
      name,
      passes: true,
      write: (topology, parents) => void topology.addOperator({ name, parents, supplier }),
    })
  }

  branch(predicate: (key: K, value: V) => boolean, options: Branched<K, V> = {}): BranchedKStream<K, V> {
    this.#branches.predicates.push(aFunction('the predicate of branch()', predicate))
    this.#add(options, this.#branches.predicates.length)
    return this
  }

  defaultBranch(options: Branched<K, V> = {}): ReadonlyMap<string, KStream<K, V>> {
    this.#add(options, 0)
    return this.#streams
  }

  noDefaultBranch(): ReadonlyMap<string, KStream<K, V>> {
    return this.#streams
  }

  #add(options: Branched<K, V>, index: number): void {
    const { dsl } = this.#source
    const name = validateName(this.#name + (options.name ?? String(index)))
    dsl.graph.names.processor(name)
    this.#branches.children.push(name)
    const node = dsl.graph.add(this.#node, {
      name,
      passes: true,
      write: (topology, parents) => void topology.addOperator({ name, parents, supplier: passThrough() }),
    })
    const stream = dsl.stream<K, V>({ ...this.#source, name, node })
    if (options.chain === undefined) this.#streams.set(name, stream)
    else {
      const chained = options.chain(stream)
      if (chained !== undefined) this.#streams.set(name, chained)
    }
  }
}
