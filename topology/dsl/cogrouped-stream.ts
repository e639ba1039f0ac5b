import type { Serde } from '../../state/ports/serde.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { Windowed } from '../../state/ports/stores.ts'
import type { Change } from '../operators/change.ts'
import { passThrough } from '../operators/stateless.ts'
import { aggregateFold, StreamAggregate } from '../operators/stream-aggregate.ts'
import type { TableOperator } from '../operators/table-operator.ts'
import { sessionFold, windowFold } from '../operators/window-fold.ts'
import { sessionAggregate, type WindowedTableOptions, windowAggregate } from '../operators/windowed-table.ts'
import type { SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type { GroupedStreamHandle } from './dsl.ts'
import type { GraphNode, GraphNodeOptions } from './graph.ts'
import type { Named } from './options.ts'
import type { StreamAggregation } from './stream-aggregation.ts'
import { materializeTable } from './table-materialization.ts'
import type {
  CogroupedKStream,
  KGroupedStream,
  KTable,
  SessionWindowedCogroupedKStream,
  TableOptions,
  TimeWindowedCogroupedKStream,
  WindowTableOptions,
} from './types.ts'
import { closeDelay, materializeWindows, windowFinality } from './window-materialization.ts'
import { windowedSerde } from './windowed-stream.ts'

const AGGREGATE = 'COGROUPKSTREAM-AGGREGATE-'
const MERGE = 'COGROUPKSTREAM-MERGE-'

type Aggregator<K, V, A> = (key: K, value: V, aggregate: A) => A | null

/** One grouped stream of the group, with its way into the common aggregate. */
export interface CogroupMember<K, A> {
  readonly grouped: GroupedStreamHandle<K, unknown>
  readonly aggregation: StreamAggregation<K, unknown>
  readonly aggregator: Aggregator<K, unknown, A>
}

/** Returns the member behind a KGroupedStream. */
export type MemberOf<K, A> = <V>(
  grouped: KGroupedStream<K, V>,
  aggregator: Aggregator<K, NonNullable<V>, A>,
) => CogroupMember<K, A>

interface CogroupBuild<K, KR, A> extends Named {
  readonly storeName: string
  readonly spec: () => StoreSpec
  readonly queryableStoreName: string | null
  readonly keySerde: Serde<KR> | undefined
  readonly valueSerde: Serde<A> | undefined
  readonly operator: (aggregator: Aggregator<K, unknown, A>, member: number) => TableOperator<K, unknown, KR, A>
  readonly graphNode: Pick<GraphNodeOptions, 'versioned' | 'windowCloseDelayMs' | 'onFinalBelow'>
}

export class CogroupedKStreamImpl<K, A> implements CogroupedKStream<K, A> {
  readonly #members: readonly CogroupMember<K, A>[]
  readonly #memberOf: MemberOf<K, A>

  constructor(members: readonly CogroupMember<K, A>[], memberOf: MemberOf<K, A>) {
    this.#members = members
    this.#memberOf = memberOf
  }

  cogroup<V>(grouped: KGroupedStream<K, V>, aggregator: Aggregator<K, NonNullable<V>, A>): CogroupedKStream<K, A> {
    const member = this.#memberOf(grouped, aggregator)
    return new CogroupedKStreamImpl<K, A>([...this.#members, member], this.#memberOf)
  }

  aggregate(options: { readonly initializer: () => A } & TableOptions<K, A>): KTable<K, A> {
    const { graph } = this.#first().grouped.dsl
    const inherited = { keySerde: this.#first().grouped.keySerde, valueSerde: undefined }
    const { materialized } = options
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, A>({
      graph,
      materialized,
      prefix: AGGREGATE,
      inherited,
    })
    return buildCogroup<K, K, A>(this.#members, {
      name: options.name,
      storeName: store.name,
      spec,
      queryableStoreName,
      ...serdes,
      operator: (aggregator) =>
        new StreamAggregate(store, aggregateFold<K, unknown, A, A>(options.initializer, aggregator)),
      graphNode: { versioned: store.versioned },
    })
  }

  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedCogroupedKStream<K, A> {
    return {
      aggregate: (options) => {
        const operator = (table: WindowedTableOptions) => (aggregator: Aggregator<K, unknown, A>, member: number) =>
          windowAggregate(windows, windowFold<K, unknown, A, A>({ ...options, aggregator }), { ...table, member })
        return this.#windowed(windows, options, operator)
      },
    }
  }

  windowedBySession(windows: SessionWindows): SessionWindowedCogroupedKStream<K, A> {
    return {
      aggregate: (options) => {
        const operator = (table: WindowedTableOptions) => (aggregator: Aggregator<K, unknown, A>, member: number) =>
          sessionAggregate(windows, sessionFold<K, unknown, A, A>({ ...options, aggregator }), { ...table, member })
        return this.#windowed(windows, options, operator)
      },
    }
  }

  #windowed(
    windows: TimeWindows | SlidingWindows | SessionWindows,
    options: WindowTableOptions<K, A>,
    operator: (table: WindowedTableOptions) => CogroupBuild<K, Windowed<K>, A>['operator'],
  ): KTable<Windowed<K>, A> {
    const { graph } = this.#first().grouped.dsl
    const { storeName, caching, queryableStoreName, serdes, spec } = materializeWindows<K, A>({
      graph,
      materialized: options.materialized,
      prefix: AGGREGATE,
      inherited: { keySerde: this.#first().grouped.keySerde, valueSerde: undefined },
      windows,
      emit: 'on-window-update',
      members: this.#members.length,
    })
    const { keySerde } = serdes
    const { closes, onFinalBelow } = windowFinality(false)
    return buildCogroup<K, Windowed<K>, A>(this.#members, {
      name: options.name,
      storeName,
      spec,
      queryableStoreName,
      keySerde: keySerde === undefined ? undefined : windowedSerde(windows, keySerde),
      valueSerde: serdes.valueSerde,
      operator: operator({ storeName, caching, emit: 'on-window-update', lateChild: undefined, closes }),
      graphNode: { versioned: false, windowCloseDelayMs: closeDelay(windows), onFinalBelow },
    })
  }

  #first(): CogroupMember<K, A> {
    const [first] = this.#members
    if (first === undefined) throw new Error('a cogrouped stream has at least one member')
    return first
  }
}

/** One aggregating node per member, all on one store, and a node where their changes meet. */
function buildCogroup<K, KR, A>(
  members: readonly CogroupMember<K, A>[],
  options: CogroupBuild<K, KR, A>,
): KTable<KR, A> {
  const dsl = (members[0] as CogroupMember<K, A>).grouped.dsl
  const { graph } = dsl
  const parents = members.map((member) => member.aggregation.parent(options.storeName))
  const sources = new Set(parents.flatMap((parent) => [...parent.sources]))
  graph.copartition(sources)
  let store: StoreSpec | undefined
  const spec = (): StoreSpec => {
    store ??= options.spec()
    return store
  }
  const operators: TableOperator<K, unknown, KR, A>[] = []
  const nodes: GraphNode[] = members.map((member, i) => {
    const name = graph.names.suffixOrElse(options.name, `-cogroup-agg-${i}`, AGGREGATE)
    const operator = options.operator(member.aggregator, i)
    operators.push(operator)
    return graph.add((parents[i] as (typeof parents)[number]).node, {
      name,
      ...options.graphNode,
      write(topology, nodeParents) {
        topology.addOperator({ name, parents: nodeParents, supplier: operator.supplier })
        topology.addStateStore(spec(), [name])
      },
    })
  })
  const name = graph.names.suffixOrElse(options.name, '-cogroup-merge', MERGE)
  const node = graph.add(nodes, {
    name,
    write(topology, nodeParents) {
      topology.addOperator({ name, parents: nodeParents, supplier: passThrough<KR, Change<A>>() })
    },
  })
  const [first] = operators
  return dsl.table<KR, A>({
    dsl,
    name,
    node,
    keySerde: options.keySerde,
    valueSerde: options.valueSerde,
    sources,
    queryableStoreName: options.queryableStoreName,
    operator: {
      enableSendingOldValues: () => operators.every((operator) => operator.enableSendingOldValues(true)),
      view: () => (first as TableOperator<K, unknown, KR, A>).view(),
    },
  })
}
