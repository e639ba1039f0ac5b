import { answerOf } from '../../state/ports/thenable.ts'
import { aFunction, aSupplier } from '../given.ts'
import type { Change } from '../operators/change.ts'
import { mapValues } from '../operators/stateless.ts'
import { TableFilter } from '../operators/table-filter.ts'
import { tableGroupBySupplier } from '../operators/table-group-by.ts'
import { TableMapValues } from '../operators/table-map-values.ts'
import { TableTransformValues, type ValueTransformer } from '../operators/table-transform-values.ts'
import { connectStores } from './connect-stores.ts'
import type { TableHandle } from './dsl.ts'
import { joinOnForeignKey } from './foreign-key-join.ts'
import { Handled, tableHandle } from './handled.ts'
import type { Named, Suppressed, TableGrouped } from './options.ts'
import { suppressTable } from './suppress-table.ts'
import { joinTables } from './table-joins.ts'
import { materializeTable, type TableMaterialization } from './table-materialization.ts'
import type {
  ForeignKeyJoinOptions,
  KGroupedTable,
  KStream,
  KTable,
  ProcessOptions,
  TableJoinOptions,
  TableOptions,
} from './types.ts'

const FILTER = 'KTABLE-FILTER-'
const MAP_VALUES = 'KTABLE-MAPVALUES-'
const TRANSFORM_VALUES = 'KTABLE-TRANSFORMVALUES-'

type AnyTableJoin<K, V, VO, VR> = TableJoinOptions<K, V | null, VO | null, VR>

export class KTableImpl<K, V> extends Handled<TableHandle<K, V>> implements KTable<K, V> {
  get queryableStoreName(): string | null {
    return this.handle.queryableStoreName
  }

  filter<VR extends V>(predicate: (key: K, value: V) => value is VR, options?: TableOptions<K, V>): KTable<K, VR>
  filter(predicate: (key: K, value: V) => boolean, options?: TableOptions<K, V>): KTable<K, V>
  filter(predicate: (key: K, value: V) => boolean, options: TableOptions<K, V> = {}): KTable<K, V> {
    return this.#filter(predicate, true, options)
  }

  filterNot(predicate: (key: K, value: V) => boolean, options: TableOptions<K, V> = {}): KTable<K, V> {
    return this.#filter(predicate, false, options)
  }

  mapValues<VR>(
    mapper: (value: V, key: K) => VR,
    options: TableOptions<K, NonNullable<VR>> = {},
  ): KTable<K, NonNullable<VR>> {
    const { dsl } = this.handle
    aFunction('the mapper of mapValues()', mapper)
    const materialization = this.#ownStore<NonNullable<VR>>(options, MAP_VALUES, {
      ...this.handle,
      valueSerde: undefined,
    })
    const name = dsl.graph.names.orElse(options.name, MAP_VALUES)
    const operator = new TableMapValues<K, V, NonNullable<VR>>({
      parent: this.handle.operator,
      mapper: (value, key) => answerOf('the mapper of', mapper(value, key), name) ?? null,
      store: materialization?.store ?? null,
    })
    const node = dsl.graph.add(this.handle.node, {
      name,
      ...(options.materialized === undefined ? {} : { versioned: materialization?.store.versioned ?? false }),
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        if (materialization !== null) topology.addStateStore(materialization.spec(), [name])
      },
    })
    return dsl.table<K, NonNullable<VR>>({
      dsl,
      name,
      node,
      keySerde: options.materialized?.keySerde ?? this.handle.keySerde,
      valueSerde: options.materialized?.valueSerde,
      sources: this.handle.sources,
      queryableStoreName: materialization?.queryableStoreName ?? null,
      operator,
    })
  }

  transformValues<VR>(
    supplier: () => ValueTransformer<K, V, VR>,
    options: TableOptions<K, NonNullable<VR>> & Pick<ProcessOptions, 'stores'> = {},
  ): KTable<K, NonNullable<VR>> {
    const { dsl } = this.handle
    const { materialized, stores = [] } = options
    aSupplier('the supplier of transformValues()', supplier)
    const inherited = { keySerde: this.handle.keySerde, valueSerde: undefined }
    const materialization =
      materialized?.name === undefined
        ? null
        : materializeTable<K, NonNullable<VR>>({ graph: dsl.graph, materialized, prefix: TRANSFORM_VALUES, inherited })
    const name = dsl.graph.names.orElse(options.name, TRANSFORM_VALUES)
    const operator = new TableTransformValues<K, V, NonNullable<VR>>({
      name,
      parent: this.handle.operator,
      transformer: supplier as () => ValueTransformer<K, V, NonNullable<VR>>,
      store: materialization?.store ?? null,
    })
    const node = dsl.graph.add(this.handle.node, {
      name,
      ...(materialized === undefined ? {} : { versioned: materialization?.store.versioned ?? false }),
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        connectStores(topology, name, stores)
        if (materialization !== null) topology.addStateStore(materialization.spec(), [name])
      },
    })
    return dsl.table<K, NonNullable<VR>>({
      dsl,
      name,
      node,
      keySerde: materialized?.keySerde ?? this.handle.keySerde,
      valueSerde: materialized?.valueSerde,
      sources: this.handle.sources,
      queryableStoreName: materialization?.queryableStoreName ?? null,
      operator,
    })
  }

  join<VO, VR>(other: KTable<K, VO>, options: TableJoinOptions<K, V, VO, VR>): KTable<K, NonNullable<VR>> {
    return joinTables(this.handle, tableHandle(other, this.handle.dsl), 'inner', options as AnyTableJoin<K, V, VO, VR>)
  }

  leftJoin<VO, VR>(other: KTable<K, VO>, options: TableJoinOptions<K, V, VO | null, VR>): KTable<K, NonNullable<VR>> {
    return joinTables(this.handle, tableHandle(other, this.handle.dsl), 'left', options as AnyTableJoin<K, V, VO, VR>)
  }

  outerJoin<VO, VR>(
    other: KTable<K, VO>,
    options: TableJoinOptions<K, V | null, VO | null, VR>,
  ): KTable<K, NonNullable<VR>> {
    return joinTables(this.handle, tableHandle(other, this.handle.dsl), 'outer', options)
  }

  joinOnForeignKey<KO, VO, VR>(
    other: KTable<KO, VO>,
    options: ForeignKeyJoinOptions<K, V, KO, VO, VR>,
  ): KTable<K, NonNullable<VR>> {
    const anyOptions = options as ForeignKeyJoinOptions<K, V, KO, VO | null, VR>
    return joinOnForeignKey(this.handle, tableHandle(other, this.handle.dsl), 'inner', anyOptions)
  }

  leftJoinOnForeignKey<KO, VO, VR>(
    other: KTable<KO, VO>,
    options: ForeignKeyJoinOptions<K, V, KO, VO | null, VR>,
  ): KTable<K, NonNullable<VR>> {
    return joinOnForeignKey(this.handle, tableHandle(other, this.handle.dsl), 'left', options)
  }

  suppress(suppressed: Suppressed): KTable<K, V> {
    return suppressTable(this.handle, suppressed)
  }

  groupBy<KR, VR>(
    selector: (key: K, value: V) => readonly [KR, VR] | null,
    options: TableGrouped<NonNullable<KR>, NonNullable<VR>> = {},
  ): KGroupedTable<NonNullable<KR>, NonNullable<VR>> {
    const { dsl, operator, sources } = this.handle
    const name = dsl.graph.names.orElse(options.name, 'KTABLE-SELECT-')
    const mode = { versioned: false }
    const supplier = tableGroupBySupplier(aFunction('the selector of groupBy()', selector), mode, options.sums)
    const node = dsl.graph.add(this.handle.node, {
      name,
      onVersioned(_parent, versioned) {
        mode.versioned = versioned
      },
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier })
      },
    })
    operator.enableSendingOldValues(true)
    return dsl.groupedTable<NonNullable<KR>, NonNullable<VR>>({
      dsl,
      name,
      node,
      keySerde: options.keySerde,
      valueSerde: options.valueSerde,
      sources,
      repartitionName: options.name,
      hasSums: options.sums !== undefined,
    })
  }

  toStream(options: Named = {}): KStream<K, V | null> {
    const { dsl, keySerde, valueSerde, sources } = this.handle
    const name = dsl.graph.names.orElse(options.name, 'KTABLE-TOSTREAM-')
    const supplier = mapValues<K, Change<V>, V | null>((change) => change.newValue)
    const node = dsl.graph.add(this.handle.node, {
      name,
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier })
      },
    })
    return dsl.stream<K, V | null>({ dsl, name, node, keySerde, valueSerde, sources, repartitionRequired: false })
  }

  #filter(predicate: (key: K, value: V) => boolean, wanted: boolean, options: TableOptions<K, V>): KTable<K, V> {
    const { dsl } = this.handle
    aFunction('the predicate of a filter', predicate)
    const materialization = this.#ownStore<V>(options, FILTER, this.handle)
    const name = dsl.graph.names.orElse(options.name, FILTER)
    const store = materialization?.store ?? null
    const operator = new TableFilter<K, V>({ name, parent: this.handle.operator, predicate, wanted, store })
    const node = dsl.graph.add(this.handle.node, {
      name,
      ...(options.materialized === undefined ? {} : { versioned: store?.versioned ?? false }),
      onVersioned(_parent, versioned) {
        operator.useVersionedSemantics(versioned)
      },
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        if (materialization !== null) topology.addStateStore(materialization.spec(), [name])
      },
    })
    return dsl.table<K, V>({
      dsl,
      name,
      node,
      keySerde: options.materialized?.keySerde ?? this.handle.keySerde,
      valueSerde: options.materialized?.valueSerde ?? this.handle.valueSerde,
      sources: this.handle.sources,
      queryableStoreName: materialization?.queryableStoreName ?? null,
      operator,
    })
  }

  /** Makes a store only under a given name; without one it takes a number, as Kafka Streams does. */
  #ownStore<VR>(
    options: TableOptions<K, VR>,
    prefix: string,
    inherited: Pick<TableHandle<K, VR>, 'keySerde' | 'valueSerde'>,
  ): TableMaterialization<K, VR> | null {
    const { graph } = this.handle.dsl
    const { materialized } = options
    if (materialized === undefined) return null
    if (materialized.name === undefined) {
      graph.names.store(prefix)
      return null
    }
    return materializeTable<K, VR>({ graph, materialized, prefix, inherited })
  }
}
