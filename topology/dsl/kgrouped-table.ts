import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { changeSerde } from '../change-serde.ts'
import { withFunctions } from '../given.ts'
import { TableAggregate, type TableFold, tableAggregateFold, tableReduceFold } from '../operators/table-aggregate.ts'
import { int64Serde } from '../serdes.ts'
import type { GroupedTableHandle } from './dsl.ts'
import type { GraphNode, GraphNodeOptions } from './graph.ts'
import { Handled } from './handled.ts'
import { materializeTable } from './table-materialization.ts'
import type { KGroupedTable, KTable, TableAggregateOptions, TableOptions, TableReduceOptions } from './types.ts'

const AGGREGATE = 'KTABLE-AGGREGATE-'
const REDUCE = 'KTABLE-REDUCE-'

export class KGroupedTableImpl<K, V> extends Handled<GroupedTableHandle<K, V>> implements KGroupedTable<K, V> {
  #repartition: GraphNode | undefined

  count(options: TableOptions<K, number> = {}): KTable<K, number> {
    this.#mustNotSum('count')
    const fold = tableAggregateFold<K, V, number, number>({
      initializer: () => 0,
      adder: (_key, _value, count) => count + 1,
      subtractor: (_key, _value, count) => count - 1,
    })
    return this.#aggregate(fold, options, { function: AGGREGATE, valueSerde: int64Serde })
  }

  reduce(options: TableReduceOptions<V> & TableOptions<K, V>): KTable<K, V> {
    this.#mustNotSum('reduce')
    withFunctions('reduce()', options, 'adder', 'subtractor')
    const fold = tableReduceFold<K, V>(options.adder, options.subtractor)
    return this.#aggregate<V>(fold, options, { function: REDUCE, valueSerde: this.handle.valueSerde })
  }

  aggregate<I, A = NonNullable<I>>(options: TableAggregateOptions<K, V, I, A> & TableOptions<K, A>): KTable<K, A> {
    withFunctions('aggregate()', options, 'initializer', 'adder', 'subtractor')
    const fold = tableAggregateFold<K, V, I, A>(options)
    return this.#aggregate<A>(fold, options, { function: AGGREGATE, valueSerde: undefined })
  }

  /** Throws when sums arrive instead of single values. */
  #mustNotSum(operator: string): void {
    if (this.handle.hasSums)
      throw new StreamsTopologyError(`${operator} cannot follow a groupBy with sums: use aggregate`)
  }

  #aggregate<A>(
    fold: TableFold<K, V, A>,
    options: TableOptions<K, A>,
    defaults: { readonly function: string; readonly valueSerde: Serde<A> | undefined },
  ): KTable<K, A> {
    const { dsl, node, keySerde, repartitionName } = this.handle
    const { graph } = dsl
    const inherited = { keySerde, valueSerde: defaults.valueSerde }
    const materialized = options.materialized
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, A>({
      graph,
      materialized,
      prefix: AGGREGATE,
      inherited,
    })
    const sinkName = graph.names.suffixOrElse(options.name, '-sink', 'KSTREAM-SINK-')
    const sourceName = graph.names.suffixOrElse(options.name, '-source', 'KSTREAM-SOURCE-')
    const name = graph.names.orElse(options.name, defaults.function)
    if (this.#repartition === undefined || repartitionName === undefined)
      this.#repartition = graph.add(node, this.#repartitionOptions(sinkName, sourceName, repartitionName ?? store.name))
    else graph.connect(node, this.#repartition)
    const operator = new TableAggregate<K, V, A>(store, fold)
    const aggregate = graph.add(this.#repartition, {
      name,
      versioned: store.versioned,
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        topology.addStateStore(spec(), [name])
      },
    })
    return dsl.table<K, A>({
      dsl,
      name,
      node: aggregate,
      ...serdes,
      sources: new Set([this.#repartition.name]),
      queryableStoreName,
      operator,
    })
  }

  #repartitionOptions(sinkName: string, sourceName: string, prefix: string): GraphNodeOptions {
    const { dsl, keySerde, valueSerde } = this.handle
    const topic = `${prefix}-repartition`
    return {
      name: sourceName,
      write(topology, parents) {
        const key = dsl.graph.keySerde(keySerde, `repartition topic ${topic}`)
        const value = changeSerde(dsl.graph.valueSerde(valueSerde, `repartition topic ${topic}`))
        topology.addInternalTopic(topic)
        topology.addSink({ name: sinkName, parents, topic, keySerde: key, valueSerde: value })
        topology.addSource({ name: sourceName, topics: topic, keySerde: key, valueSerde: value })
      },
    }
  }
}
