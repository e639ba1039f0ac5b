import { StreamsConfigError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import { serializeKey } from '../../state/stores/store-codec.ts'
import type { Plan, SinkNode, SourceNode, StreamPartitioner, Subtopology } from '../../topology/plan.ts'
import { partitionerFor } from '../../topology/windowed-serdes.ts'
import { isPartition, partitionForKey } from '../task/partitioner.ts'

/** A topic that fills a store, and how its records are spread over partitions. */
interface KeySource {
  readonly topic: string
  readonly keySerde: Serde<unknown>
  /** undefined: Kafka's default. */
  readonly partitioner: StreamPartitioner | undefined
}

/** Finds the partition of a store that holds a key: the one that the writer of the source topic put it into. */
export class KeyRoute {
  readonly #store: string
  readonly #storeSerde: Serde<unknown>
  readonly #source: KeySource
  readonly #partitions: number

  constructor({ name, keySerde }: StoreSpec, source: KeySource, partitions: number) {
    this.#store = name
    this.#storeSerde = keySerde
    this.#source = source
    this.#partitions = partitions
  }

  /**
   * @param given instead of what the topology says
   * @throws StreamsConfigError when the partitioner or the serde does
   */
  partitionOf(key: unknown, given?: StreamPartitioner): number {
    const partitioner = given ?? this.#source.partitioner
    const chosen = partitioner === undefined ? undefined : this.#ask(partitioner, key)
    return chosen ?? partitionForKey(this.#bytes(key), this.#partitions)
  }

  #ask(partitioner: StreamPartitioner, key: unknown): number | undefined {
    const count = this.#partitions
    let chosen: ReturnType<StreamPartitioner>
    try {
      chosen = partitioner(this.#source.topic, key, null, count)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `store ${this.#store}: the partitioner of ${this.#source.topic} cannot tell by the key alone: ${why}`
      throw new StreamsConfigError(`${message}; give the query a partitioner that can`, { cause })
    }
    if (chosen === undefined) return chosen
    if (isPartition(chosen, count)) return chosen
    throw new StreamsConfigError(
      `store ${this.#store}: the partitioner chose partition ${chosen} of ${this.#source.topic}, which has ${count}`,
    )
  }

  /** The key's bytes in the source topic. The store may use another key serde. */
  #bytes(key: unknown): Buffer | string {
    const { keySerde, topic } = this.#source
    const write = (serde: Serde<unknown>): Buffer | string =>
      serializeKey(keyOfRecord(serde), topic, key, `store ${this.#store}`)
    if (keySerde === this.#storeSerde) return write(keySerde)
    try {
      return write(keySerde)
    } catch (error) {
      if (!(error instanceof StreamsConfigError)) throw error
      // A store of the Processor API, with keys of another type than its source's.
      return write(this.#storeSerde)
    }
  }
}

/** Keys of rows have no headers; in a record, a serde may have a part of the key there. */
function keyOfRecord(serde: Serde<unknown>): Pick<Serde<unknown>, 'serialize'> {
  if (serde.writtenHeaders === undefined) return serde
  return { serialize: (topic, key) => serde.serialize(topic, key, serde.writtenHeaders?.(topic, NO_HEADERS)) }
}

/** @param partitionsOf how many partitions a topic has */
export function keyRoute(
  plan: Plan,
  subtopology: Subtopology,
  spec: StoreSpec,
  partitionsOf: (topic: string) => number,
): KeyRoute {
  const own = sourceTopics(subtopology, spec.name)
  // Co-partitioned topics have their keys in the same partitions.
  const groups = subtopology.copartitionGroups.filter((group) => group.some((topic) => own.includes(topic)))
  const sources = [...new Set([...own, ...groups.flat()])].map((topic) => keySource(plan, subtopology, topic))
  const source = sources.find(({ partitioner }) => partitioner !== undefined) ?? sources[0]
  const { keySerde } = spec
  const counts = own.map(partitionsOf)
  return new KeyRoute(spec, source ?? { topic: '', keySerde, partitioner: undefined }, Math.max(1, ...counts))
}

/** Topics before the first processor that uses the store: in topological order the store belongs to that one. */
function sourceTopics({ nodes }: Subtopology, store: string): readonly string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const owner = nodes.find((node) => node.type === 'processor' && node.stores.includes(store))
  const topics: string[] = []
  const seen = new Set<string>()
  const visit = (name: string): void => {
    const node = byName.get(name)
    if (node === undefined || seen.has(name)) return
    seen.add(name)
    if (node.type === 'source') topics.push(...node.topics)
    else for (const parent of node.parents) visit(parent)
  }
  if (owner !== undefined) visit(owner.name)
  return topics
}

function keySource(plan: Plan, subtopology: Subtopology, topic: string): KeySource {
  const reads = (node: Subtopology['nodes'][number]): node is SourceNode =>
    node.type === 'source' && node.topics.includes(topic)
  const source = subtopology.nodes.find(reads) as SourceNode
  const sink = plan.subtopologies
    .flatMap(({ nodes }) => nodes)
    .find((node): node is SinkNode => node.type === 'sink' && node.topic === topic && node.partitioner !== undefined)
  const isInternal = subtopology.repartitionSourceTopics.includes(topic)
  const partitioner =
    source.partitioner ??
    (sink?.partitionsByValue === true ? undefined : sink?.partitioner) ??
    (isInternal ? undefined : partitionerFor(source.keySerde))
  return { topic, keySerde: source.keySerde, partitioner }
}
