import type { StoreSpec } from '../../state/ports/store-spec.ts'

export interface DescribedNode {
  readonly type: 'source' | 'processor' | 'sink'
  readonly name: string
  /** Topics of a source. */
  readonly topics?: readonly string[] | undefined
  /** Sources subscribed by pattern. */
  readonly pattern?: string | undefined
  /** Topic of a sink, or null when it is chosen per record. */
  readonly topic?: string | null | undefined
  /** Stores of a processor. */
  readonly stores?: readonly string[] | undefined
  /** Topic of the recorded answers of its calls, without the application id; only where they are recorded. */
  readonly answers?: string | undefined
  readonly predecessors: readonly string[]
  readonly successors: readonly string[]
}

export interface DescribedSubtopology {
  readonly id: number
  readonly nodes: readonly DescribedNode[]
  readonly stores: readonly DescribedStore[]
  /** Only where windows close when idle. The topic is without the application id. */
  readonly idleTicks?: { readonly topic: string; readonly afterMs: number } | undefined
}

export interface DescribedStore {
  readonly name: string
  readonly kind: StoreSpec['kind']
  /** Without the application id; null when logging is off. */
  readonly changelog: string | null
}

export interface DescribedGlobalStore {
  readonly id: number
  readonly store: string
  readonly source: DescribedNode
  readonly processor: DescribedNode
}

/** The answer of `GET /topology` and `topology --format json`. Internal topics are without the application id. */
export interface TopologyJson {
  readonly subtopologies: readonly DescribedSubtopology[]
  readonly globalStores: readonly DescribedGlobalStore[]
  /** Repartition topics, without the application id. */
  readonly repartitionTopics: readonly string[]
}
