import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec, WindowSpec } from '../../state/ports/store-spec.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import { aWholeNumber, wholeNumberOrNone, withFunctions } from '../given.ts'
import { waitingKeySerde, waitingValueSerde } from '../operators/join-buffer.ts'
import { joinWindow } from '../operators/join-window.ts'
import { OBSERVED } from '../operators/operator-times.ts'
import { passThrough } from '../operators/stateless.ts'
import { streamSelfJoin } from '../operators/stream-self-join.ts'
import { JoinTimes, streamStreamJoin } from '../operators/stream-stream-join.ts'
import { streamTableJoin } from '../operators/stream-table-join.ts'
import { unjoinedKeySerde, unjoinedValuesSerde } from '../operators/unjoined.ts'
import type { Topology } from '../topology.ts'
import type { GlobalTableHandle, StreamHandle, TableHandle } from './dsl.ts'
import { repartitionNode } from './repartition.ts'
import type { GlobalJoinOptions, KStream, StreamJoinOptions, StreamTableJoinOptions } from './types.ts'

/** Decides which records without a match are kept. */
export type JoinKind = 'inner' | 'left' | 'outer'

type Unknown<T> = T | null

/** A windowed join of two streams. */
export function joinStreams<K, V, VO, VR>(
  left: StreamHandle<K, V>,
  right: StreamHandle<K, VO>,
  kind: JoinKind,
  options: StreamJoinOptions<K, Unknown<V>, Unknown<VO>, VR>,
): KStream<K, VR> {
  const { keySerde, valueSerde, otherValueSerde, name, windows } = withFunctions('a join', options, 'joiner')
  aWholeNumber('graceMs of the windows of a join (joinWindows() makes them)', windows?.graceMs, 0)
  const own = partitioned(left, name === undefined ? left.name : `${name}-left`, { keySerde, valueSerde })
  const other = partitioned(right, name === undefined ? right.name : `${name}-right`, {
    keySerde,
    valueSerde: otherValueSerde,
  })
  return new StreamJoin(own, other, kind, options as StreamJoinOptions<K, unknown, unknown, VR>).build<V, VO>()
}

class StreamJoin<K, VR> {
  readonly #left: StreamHandle<K, unknown>
  readonly #right: StreamHandle<K, unknown>
  readonly #kind: JoinKind
  readonly #options: StreamJoinOptions<K, unknown, unknown, VR>

  constructor(
    left: StreamHandle<K, unknown>,
    right: StreamHandle<K, unknown>,
    kind: JoinKind,
    options: StreamJoinOptions<K, unknown, unknown, VR>,
  ) {
    this.#left = left
    this.#right = right
    this.#kind = kind
    this.#options = options
  }

  build<V, VO>(): KStream<K, VR> {
    const { dsl } = this.#left
    const { graph } = dsl
    const sources = new Set([...this.#left.sources, ...this.#right.sources])
    graph.copartition(sources)
    const names = this.#names()
    const { joiner, windows } = this.#options
    let joinsItself = false
    graph.add(this.#left.node, {
      name: names.leftWindowed,
      write: (topology, parents) => {
        // When a stream joins itself, the join keeps the records.
        const supplier = joinsItself ? passThrough<K, unknown>() : joinWindow<K, unknown>(names.leftStore)
        topology.addOperator({ name: names.leftWindowed, parents, supplier })
      },
    })
    graph.add(this.#right.node, {
      name: names.rightWindowed,
      write: (topology, parents) => {
        if (joinsItself) return
        topology.addOperator({ name: names.rightWindowed, parents, supplier: joinWindow(names.rightStore) })
      },
    })
    const unjoinedStoreName = this.#kind === 'inner' ? null : names.unjoinedStore
    const shared = { windows, unjoinedStoreName, times: new JoinTimes() }
    const joinLeft = streamStreamJoin<K, V, VO, VR>({
      ...shared,
      side: 'left',
      joiner: joiner as (left: V | null, right: VO | null, key: K) => VR,
      outer: this.#kind !== 'inner',
      otherOuter: this.#kind === 'outer',
      otherStoreName: names.rightStore,
    })
    const joinRight = streamStreamJoin<K, VO, V, VR>({
      ...shared,
      side: 'right',
      joiner: (right, left, key) => joiner(left, right, key),
      outer: this.#kind === 'outer',
      otherOuter: this.#kind !== 'inner',
      otherStoreName: names.leftStore,
    })
    const node = graph.add([this.#left.node, this.#right.node], {
      name: names.merge,
      relaxedNullKeyJoin: this.#kind !== 'inner',
      joinsItself: () => {
        joinsItself = this.#kind === 'inner'
      },
      write: (topology) => {
        if (joinsItself) {
          this.#writeSelfJoin(topology, names)
          return
        }
        const holdsBack = unjoinedStoreName ?? undefined
        topology.addOperator({ name: names.left, parents: [names.leftWindowed], supplier: joinLeft, holdsBack })
        topology.addOperator({ name: names.right, parents: [names.rightWindowed], supplier: joinRight })
        topology.addOperator({ name: names.merge, parents: [names.left, names.right], supplier: passThrough() })
        const { valueSerde, otherValueSerde } = this.#options
        const leftSpec = this.#windowSpec(names.leftStore, valueSerde ?? this.#left.valueSerde)
        const rightSpec = this.#windowSpec(names.rightStore, otherValueSerde ?? this.#right.valueSerde)
        topology.addStateStore(leftSpec, [names.leftWindowed, names.right])
        topology.addStateStore(rightSpec, [names.rightWindowed, names.left])
        if (unjoinedStoreName !== null)
          topology.addStateStore(this.#unjoinedSpec(unjoinedStoreName, leftSpec, rightSpec), [names.left, names.right])
      },
    })
    return dsl.stream<K, VR>({
      dsl,
      name: names.merge,
      node,
      keySerde: this.#options.keySerde ?? this.#left.keySerde,
      valueSerde: undefined,
      sources,
      repartitionRequired: false,
    })
  }

  /** Left windows and store are there, right ones are not. */
  #writeSelfJoin(
    topology: Topology,
    { leftWindowed, leftStore, merge }: { leftWindowed: string; leftStore: string; merge: string },
  ): void {
    const { joiner, windows, valueSerde } = this.#options
    const supplier = streamSelfJoin<K, unknown, VR>({ windows, joiner, storeName: leftStore })
    topology.addOperator({ name: merge, parents: [leftWindowed], supplier })
    topology.addStateStore(this.#windowSpec(leftStore, valueSerde ?? this.#left.valueSerde), [leftWindowed, merge])
  }

  /** All names, in the order in which Kafka Streams takes its numbers. */
  #names(): Readonly<
    Record<
      'leftWindowed' | 'rightWindowed' | 'left' | 'right' | 'merge' | 'leftStore' | 'rightStore' | 'unjoinedStore',
      string
    >
  > {
    const { names } = this.#left.dsl.graph
    const { name, storeName } = this.#options
    const leftOuter = this.#kind !== 'inner'
    const rightOuter = this.#kind === 'outer'
    const leftSuffix = rightOuter ? '-outer-this-join' : '-this-join'
    const rightSuffix = leftOuter ? '-outer-other-join' : '-other-join'
    const leftWindowed = names.suffixOrElse(name, '-this-windowed', 'KSTREAM-WINDOWED-')
    const rightWindowed = names.suffixOrElse(name, '-other-windowed', 'KSTREAM-WINDOWED-')
    const leftPrefix = rightOuter ? 'KSTREAM-OUTERTHIS-' : 'KSTREAM-JOINTHIS-'
    const left = names.processor(leftPrefix)
    const right = names.processor(leftOuter ? 'KSTREAM-OUTEROTHER-' : 'KSTREAM-JOINOTHER-')
    const merge = names.suffixOrElse(name, '-merge', 'KSTREAM-MERGE-')
    const shared =
      storeName === undefined
        ? `KSTREAM-OUTERSHARED-${left.slice(leftPrefix.length)}`
        : `${storeName}${rightOuter ? '-outer-shared-join' : '-left-shared-join'}`
    const stores = {
      leftStore: `${storeName === undefined ? left : storeName + leftSuffix}-store`,
      rightStore: `${storeName === undefined ? right : storeName + rightSuffix}-store`,
      unjoinedStore: `${shared}-store`,
    }
    if (storeName === undefined) Object.values(stores).forEach((store) => void names.remember(store))
    return {
      leftWindowed,
      rightWindowed,
      left: name === undefined ? left : name + leftSuffix,
      right: name === undefined ? right : name + rightSuffix,
      merge,
      ...stores,
    }
  }

  #windowSpec(name: string, valueSerde: Serde<unknown> | undefined): WindowSpec {
    const { graph } = this.#left.dsl
    const { windows, logging, changelogConfig, keySerde } = this.#options
    const sizeMs = windows.beforeMs + windows.afterMs
    return {
      kind: 'window',
      name,
      keySerde: graph.keySerde(keySerde ?? this.#left.keySerde, `store ${name}`),
      valueSerde: graph.valueSerde(valueSerde, `store ${name}`),
      logging: logging ?? true,
      // Rows of the same key and time are different records: compaction would lose some.
      changelogConfig: { ...changelogConfig, 'cleanup.policy': 'delete' },
      caching: false,
      timestamped: false,
      // A row expires when stream time is beyond it by the retention, and it is needed at the last moment of its window. A side
      // that looks back by a negative time has a window shorter than its reach.
      retentionMs: Math.max(sizeMs, windows.beforeMs, windows.afterMs) + windows.graceMs + 1,
      windowSizeMs: sizeMs,
      retainDuplicates: true,
    }
  }

  #unjoinedSpec(name: string, left: WindowSpec, right: WindowSpec): KeyValueSpec {
    const { logging, changelogConfig } = this.#options
    return {
      kind: 'key-value',
      name,
      keySerde: unjoinedKeySerde(left.keySerde),
      valueSerde: unjoinedValuesSerde(left.valueSerde, right.valueSerde),
      logging: logging ?? true,
      changelogConfig,
      caching: false,
      timestamped: false,
      scan: true,
      keptNumbers: [OBSERVED],
    }
  }
}

/** The stream after a repartition, when its key may have changed. Joins of one stream share its generated repartition. */
function partitioned<K, V>(
  stream: StreamHandle<K, V>,
  name: string,
  serdes: { readonly keySerde?: Serde<K> | undefined; readonly valueSerde?: Serde<V> | Serde<unknown> | undefined },
): StreamHandle<K, V> {
  if (!stream.repartitionRequired) return stream
  const { graph } = stream.dsl
  const keySerde = serdes.keySerde ?? stream.keySerde
  const valueSerde = (serdes.valueSerde as Serde<V> | undefined) ?? stream.valueSerde
  const options = repartitionNode({ graph, prefix: name, keySerde, valueSerde, isMergeable: true })
  let node = graph.joinRepartitions.get(stream)
  if (node === undefined || stream.name !== name) {
    node = graph.add(stream.node, options)
    graph.joinRepartitions.set(stream, node)
  }
  const sources = new Set([node.name])
  return { ...stream, name: node.name, node, keySerde, valueSerde, sources, repartitionRequired: false }
}

/** A join of a stream with a table: looks up each record. */
export function joinTable<K, V, VT, VR>(
  stream: StreamHandle<K, V>,
  table: TableHandle<K, VT>,
  kind: 'inner' | 'left',
  options: StreamTableJoinOptions<K, V, VT | null, VR>,
): KStream<K, VR> {
  const { dsl } = stream
  const { keySerde, valueSerde } = withFunctions('a join with a table', options, 'joiner')
  wholeNumberOrNone('graceMs of a join with a table', options.graceMs, 0)
  const own = partitioned(stream, options.name ?? stream.name, { keySerde, valueSerde })
  const sources = new Set([...own.sources, ...table.sources])
  dsl.graph.copartition(sources)
  const name = dsl.graph.names.orElse(options.name, kind === 'left' ? 'KSTREAM-LEFTJOIN-' : 'KSTREAM-JOIN-')
  const view = table.operator.view()
  const grace = options.graceMs === undefined ? undefined : { storeName: `${name}-Buffer`, graceMs: options.graceMs }
  if (grace !== undefined) addJoinBuffer(own, grace, options)
  const supplier = streamTableJoin<K, V, K, VT, VR>({
    table: view,
    keyOf: (key) => key,
    joiner: options.joiner,
    left: kind === 'left',
    grace,
  })
  const node = dsl.graph.add(own.node, {
    name,
    relaxedNullKeyJoin: kind === 'left',
    write(topology, parents) {
      topology.addOperator({ name, parents, supplier, holdsBack: grace?.storeName })
      if (grace !== undefined) topology.connectProcessorAndStateStores(name, [grace.storeName])
      topology.connectProcessorAndStateStores(name, view.storeNames)
      if (grace === undefined) return
      for (const store of view.storeNames) checkHistory(topology, store, grace.graceMs)
    },
  })
  return dsl.stream<K, VR>({
    dsl,
    name,
    node,
    keySerde: keySerde ?? own.keySerde,
    valueSerde: undefined,
    sources,
    repartitionRequired: false,
  })
}

/** The store in which records of the stream wait for late changes of the table. */
function addJoinBuffer<K, V>(
  stream: StreamHandle<K, V>,
  grace: { readonly storeName: string; readonly graceMs: number },
  options: { readonly keySerde?: Serde<K> | undefined; readonly valueSerde?: Serde<V> | undefined },
): void {
  const { graph } = stream.dsl
  const { storeName: name } = grace
  if (graph.names.isGenerated(name.slice(0, -'-Buffer'.length))) graph.names.remember(name)
  graph.add(graph.root, {
    name: `store ${name}`,
    write(topology) {
      topology.addStateStore({
        kind: 'key-value',
        name,
        keySerde: waitingKeySerde(graph.keySerde(options.keySerde ?? stream.keySerde, `store ${name}`)),
        valueSerde: waitingValueSerde(graph.valueSerde(options.valueSerde ?? stream.valueSerde, `store ${name}`)),
        logging: true,
        caching: false,
        timestamped: false,
        scan: true,
        keptNumbers: [OBSERVED],
      })
    },
  })
}

/** A join with grace looks up past versions: they must still be there. */
function checkHistory(topology: Topology, store: string, graceMs: number): void {
  const spec = topology.parts().stores.get(store)?.spec
  if (spec?.kind !== 'versioned')
    throw new StreamsTopologyError(`store ${store} must be versioned: a join with its table has a grace period`)
  if (spec.historyRetentionMs < graceMs)
    throw new StreamsTopologyError(`store ${store} must keep its history for at least the grace of ${graceMs} ms`)
}

/** A join of a stream with a global table: no partitioning needed, any key. */
export function joinGlobalTable<K, V, KG, VG, VR>(
  stream: StreamHandle<K, V>,
  table: GlobalTableHandle<KG, VG>,
  kind: 'inner' | 'left',
  options: GlobalJoinOptions<K, V, KG, VG | null, VR>,
): KStream<K, VR> {
  const { dsl } = stream
  withFunctions('a join with a global table', options, 'keySelector', 'joiner')
  const name = dsl.graph.names.orElse(options.name, 'KSTREAM-LEFTJOIN-')
  const supplier = streamTableJoin<K, V, KG, VG, VR>({
    table: table.view,
    keyOf: (key, value) => answerOf('the keySelector of', options.keySelector(key, value), name),
    joiner: options.joiner,
    left: kind === 'left',
  })
  const node = dsl.graph.add(stream.node, {
    name,
    relaxedNullKeyJoin: kind === 'left',
    write: (topology, parents) => void topology.addOperator({ name, parents, supplier }),
  })
  return dsl.stream<K, VR>({ ...stream, name, node, valueSerde: undefined })
}
