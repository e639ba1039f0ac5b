import { bufferOf, type Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import { withFunctions } from '../given.ts'
import { CombinedKey } from '../operators/foreign-key/combined-key.ts'
import { ForeignTable } from '../operators/foreign-key/foreign-table.ts'
import { murmur3 } from '../operators/foreign-key/murmur3.ts'
import { AnswerSubscription, ReceiveSubscription } from '../operators/foreign-key/receive-subscription.ts'
import { ResolveResponse } from '../operators/foreign-key/resolve-response.ts'
import { Subscribe } from '../operators/foreign-key/subscribe.ts'
import { responseSerde, type SubscriptionResponse, subscriptionSerde } from '../operators/foreign-key/subscription.ts'
import { TableSource } from '../operators/table-source.ts'
import type { StreamPartitioner } from '../plan.ts'
import { bytesSerde } from '../serdes.ts'
import type { TableHandle } from './dsl.ts'
import type { GraphNode } from './graph.ts'
import { materializeTable } from './table-materialization.ts'
import type { ForeignKeyJoinOptions, KTable } from './types.ts'

const PREFIX = 'KTABLE-FK-JOIN-'

/**
 * A join of a table with another one by a key taken from its values (KIP-213). The left side subscribes each row to its foreign
 * key through one internal topic; the foreign side answers, now and whenever its row changes, through another; the left side
 * joins an answer only with the very row that asked.
 */
export function joinOnForeignKey<K, V, KO, VO, VR>(
  left: TableHandle<K, V>,
  foreign: TableHandle<KO, VO>,
  kind: 'inner' | 'left',
  options: ForeignKeyJoinOptions<K, V, KO, VO | null, VR>,
): KTable<K, NonNullable<VR>> {
  return new ForeignKeyJoin(left, foreign, kind === 'left', options).build()
}

class ForeignKeyJoin<K, V, KO, VO, VR> {
  readonly #left: TableHandle<K, V>
  readonly #foreign: TableHandle<KO, VO>
  readonly #keepsLeft: boolean
  readonly #options: ForeignKeyJoinOptions<K, V, KO, VO | null, VR>
  readonly #versioned = { left: false, foreign: false }

  constructor(
    left: TableHandle<K, V>,
    foreign: TableHandle<KO, VO>,
    keepsLeft: boolean,
    options: ForeignKeyJoinOptions<K, V, KO, VO | null, VR>,
  ) {
    this.#left = left
    this.#foreign = foreign
    this.#keepsLeft = keepsLeft
    this.#options = withFunctions('a join on a foreign key', options, 'foreignKeyExtractor', 'joiner')
  }

  build(): KTable<K, NonNullable<VR>> {
    const { graph } = this.#left.dsl
    // The foreign side needs old values to skip changes that change nothing; the left side, to unsubscribe.
    this.#foreign.operator.enableSendingOldValues(true)
    this.#left.operator.enableSendingOldValues(true)
    const topic = `${this.#name('-subscription-registration', 'SUBSCRIPTION-REGISTRATION-')}-topic`
    graph.internalTopic(topic)
    const received = this.#subscribe(topic)
    const storeName = this.#name('-subscription-store', 'SUBSCRIPTION-STATE-STORE-')
    graph.add(graph.root, {
      name: `store ${storeName}`,
      write: (topology) => void topology.addStateStore(this.#subscriptionSpec(storeName)),
    })
    const answers = this.#answer(received, topic, storeName)
    const response = this.#respond(answers)
    return this.#result(response.node, response.sources, topic)
  }

  /** Left table -> subscription topic -> the source on the foreign side. */
  #subscribe(topic: string): GraphNode {
    const { graph } = this.#left.dsl
    const { foreignKeyExtractor, otherPartitioner } = this.#options
    const name = this.#name('-subscription-registration-processor', 'SUBSCRIPTION-REGISTRATION-')
    const subscribe = graph.add(this.#left.node, {
      name,
      onVersioned: (_parent, versioned) => {
        this.#versioned.left = versioned
      },
      write: (topology, parents) => {
        const keys = this.#keys(topic)
        const hash = this.#hash(topic)
        const { left: versioned } = this.#versioned
        const foreignKeyOf = (value: V, key: K): KO | null =>
          answerOf('the foreignKeyExtractor of', foreignKeyExtractor(value, key), name)
        const supplier = (): Subscribe<K, V, KO> =>
          new Subscribe({ foreignKeyOf, keys, hash, left: this.#keepsLeft, versioned })
        topology.addOperator({ name, parents, supplier })
      },
    })
    const serdes = (): { keySerde: Serde<KO>; valueSerde: ReturnType<typeof subscriptionSerde<K>> } => ({
      keySerde: this.#foreignKeySerde(),
      valueSerde: subscriptionSerde(this.#keySerde()),
    })
    const sinkName = this.#name('-subscription-registration-sink', '', 'KTABLE-SINK-')
    const sink = graph.add(subscribe, {
      name: sinkName,
      write: (topology, parents) =>
        void topology.addSink({ name: sinkName, parents, topic, ...serdes(), partitioner: otherPartitioner }),
    })
    const sourceName = this.#name('-subscription-registration-source', '', 'KTABLE-SOURCE-')
    const source = graph.add(sink, {
      name: sourceName,
      write: (topology) => void topology.addSource({ name: sourceName, topics: topic, ...serdes() }),
    })
    graph.copartition([...this.#foreign.sources, sourceName])
    return source
  }

  /** Foreign side: the nodes whose output goes to the response topic. */
  #answer(received: GraphNode, topic: string, storeName: string): readonly GraphNode[] {
    const { graph } = this.#left.dsl
    const receiveName = this.#name('-subscription-receive', 'SUBSCRIPTION-PROCESSOR-')
    const receive = graph.add(received, {
      name: receiveName,
      write: (topology, parents) => {
        const keys = this.#keys(topic)
        const supplier = (): ReceiveSubscription<K, KO> => new ReceiveSubscription(storeName, keys)
        topology.addOperator({ name: receiveName, parents, supplier, stores: [storeName] })
      },
    })
    const foreignView = this.#foreign.operator.view()
    const answerName = this.#name('-subscription-join-foreign', 'SUBSCRIPTION-PROCESSOR-')
    const answer = graph.add(receive, {
      name: answerName,
      write: (topology, parents) => {
        const supplier = (): AnswerSubscription<K, KO, VO> => new AnswerSubscription(foreignView)
        topology.addOperator({ name: answerName, parents, supplier, stores: foreignView.storeNames })
      },
    })
    const tableName = this.#name('-foreign-join-subscription', 'SUBSCRIPTION-PROCESSOR-')
    const table = graph.add(this.#foreign.node, {
      name: tableName,
      onVersioned: (_parent, versioned) => {
        this.#versioned.foreign = versioned
      },
      write: (topology, parents) => {
        const keys = this.#keys(topic)
        const { foreign: versioned } = this.#versioned
        const supplier = (): ForeignTable<K, KO, VO> => new ForeignTable({ storeName, keys, versioned })
        topology.addOperator({ name: tableName, parents, supplier, stores: [storeName] })
      },
    })
    return [answer, table]
  }

  /** Foreign side -> response topic -> the source on the left side. */
  #respond(answers: readonly GraphNode[]): { readonly node: GraphNode; readonly sources: ReadonlySet<string> } {
    const { graph } = this.#left.dsl
    const topic = `${this.#name('-subscription-response', 'SUBSCRIPTION-RESPONSE-')}-topic`
    graph.internalTopic(topic)
    const serdes = (): { keySerde: Serde<K>; valueSerde: ReturnType<typeof responseSerde<VO>> } => ({
      keySerde: this.#keySerde(),
      valueSerde: responseSerde(graph.valueSerde(this.#foreign.valueSerde, `topic ${topic}`)),
    })
    const toPrimary: StreamPartitioner = (_topic, _key, value) =>
      (value as SubscriptionResponse<VO>).primaryPartition ?? undefined
    const partitioner = this.#options.partitioner ?? toPrimary
    const partitionsByValue = partitioner === toPrimary
    const sinkName = this.#name('-subscription-response-sink', '', 'KTABLE-SINK-')
    const sink = graph.add(answers, {
      name: sinkName,
      write: (topology, parents) =>
        void topology.addSink({ name: sinkName, parents, topic, ...serdes(), partitioner, partitionsByValue }),
    })
    const sourceName = this.#name('-subscription-response-source', '', 'KTABLE-SOURCE-')
    const node = graph.add(sink, {
      name: sourceName,
      write: (topology) => void topology.addSource({ name: sourceName, topics: topic, ...serdes() }),
    })
    const sources = new Set([...this.#left.sources, sourceName])
    graph.copartition(sources)
    return { node, sources }
  }

  #result(responses: GraphNode, sources: ReadonlySet<string>, topic: string): KTable<K, NonNullable<VR>> {
    const { dsl } = this.#left
    const { graph } = dsl
    const view = this.#left.operator.view()
    const resolveName = this.#name('-subscription-response-resolver', 'SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-')
    const joiner = (own: V, other: VO | null, key: K): NonNullable<VR> | null =>
      answerOf('the joiner of', this.#options.joiner(own, other, key), resolveName) ?? null
    const resolve = graph.add(responses, {
      name: resolveName,
      write: (topology, parents) => {
        const options = { table: view, hash: this.#hash(topic), joiner, left: this.#keepsLeft }
        const supplier = (): ResolveResponse<K, V, VO, NonNullable<VR>> => new ResolveResponse(options)
        topology.addOperator({ name: resolveName, parents, supplier, stores: view.storeNames })
      },
    })
    const name = this.#name('-result', 'OUTPUT-')
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, NonNullable<VR>>({
      graph,
      materialized: this.#options.materialized,
      prefix: `${PREFIX}OUTPUT-`,
      inherited: { keySerde: this.#left.keySerde, valueSerde: undefined },
    })
    const operator = new TableSource<K, NonNullable<VR>>(store, { materialized: queryableStoreName !== null })
    const node = graph.add(resolve, {
      name,
      versioned: store.versioned,
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        if (operator.materialized) topology.addStateStore(spec(), [name])
      },
    })
    return dsl.table<K, NonNullable<VR>>({ dsl, name, node, ...serdes, sources, queryableStoreName, operator })
  }

  #subscriptionSpec(name: string): KeyValueSpec {
    return {
      kind: 'key-value',
      name,
      keySerde: bytesSerde,
      valueSerde: subscriptionSerde(this.#keySerde()),
      logging: true,
      caching: false,
      timestamped: true,
      scan: true,
    }
  }

  #keys(topic: string): CombinedKey<K, KO> {
    return new CombinedKey(topic, this.#keySerde(), this.#foreignKeySerde())
  }

  #hash(topic: string): (value: V) => Buffer {
    const serde = this.#left.dsl.graph.valueSerde(this.#left.valueSerde, `foreign-key join on topic ${topic}`)
    const hashTopic = `${topic}-vh`
    return (value) => murmur3(bufferOf(serde.serialize(hashTopic, value)))
  }

  #keySerde(): Serde<K> {
    return this.#left.dsl.graph.keySerde(this.#left.keySerde, 'the left side of a foreign-key join')
  }

  #foreignKeySerde(): Serde<KO> {
    return this.#left.dsl.graph.keySerde(this.#foreign.keySerde, 'the foreign side of a foreign-key join')
  }

  #name(suffix: string, what: string, prefix: string = PREFIX + what): string {
    return this.#left.dsl.graph.names.suffixOrElse(this.#options.name, suffix, prefix)
  }
}
