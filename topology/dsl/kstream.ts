import type { Serde } from '../../state/ports/serde.ts'
import type { AsyncCall } from '../async-call.ts'
import type { AsyncProcessor } from '../async-processor.ts'
import { aFunction, aSupplier, wholeNumberOrNone } from '../given.ts'
import { flatMapAsync, mapAsync } from '../operators/async-calls.ts'
import { fixedKey } from '../operators/fixed-key.ts'
import * as stateless from '../operators/stateless.ts'
import { TableSource } from '../operators/table-source.ts'
import type { TopicExtractor } from '../plan.ts'
import type { FixedKeyProcessor, Processor, ProcessorSupplier } from '../processor.ts'
import type { Sync } from '../sync.ts'
import { partitionerFor } from '../windowed-serdes.ts'
import { asyncCallsNode } from './async-calls.ts'
import { BranchedKStreamImpl } from './branched-stream.ts'
import { connectStores } from './connect-stores.ts'
import type { StreamHandle } from './dsl.ts'
import type { GraphNode } from './graph.ts'
import { globalTableHandle, Handled, streamHandle, tableHandle } from './handled.ts'
import type { Grouped, Named, Printed, Produced, Repartitioned } from './options.ts'
import { repartitionNode } from './repartition.ts'
import { joinGlobalTable, joinStreams, joinTable } from './stream-joins.ts'
import { materializeTable } from './table-materialization.ts'
import type {
  AsyncOptions,
  BranchedKStream,
  GlobalJoinOptions,
  GlobalKTable,
  KGroupedStream,
  KStream,
  KTable,
  ProcessOptions,
  StreamJoinOptions,
  StreamTableJoinOptions,
  TableOptions,
} from './types.ts'

const PROCESS = 'KSTREAM-PROCESSOR-'
const PROCESS_VALUES = 'KSTREAM-PROCESSVALUES-'

type AnyStreamJoin<K, V, VO, VR> = StreamJoinOptions<K, NonNullable<V> | null, NonNullable<VO> | null, VR>

/** The effect of a step on the types of the stream. */
type Step = 'keeps-types' | 'changes-value' | 'changes-key'

export class KStreamImpl<K, V> extends Handled<StreamHandle<K, V>> implements KStream<K, V> {
  filter<VR extends V>(predicate: (key: K, value: V) => value is VR, options?: Named): KStream<K, VR>
  filter(predicate: (key: K, value: V) => boolean, options?: Named): KStream<K, V>
  filter(predicate: (key: K, value: V) => boolean, options: Named = {}): KStream<K, V> {
    return this.#step(
      'KSTREAM-FILTER-',
      options,
      stateless.filter(aFunction('the predicate of filter()', predicate), true),
      'keeps-types',
    )
  }

  filterNot(predicate: (key: K, value: V) => boolean, options: Named = {}): KStream<K, V> {
    return this.#step(
      'KSTREAM-FILTER-',
      options,
      stateless.filter(aFunction('the predicate of filterNot()', predicate), false),
      'keeps-types',
    )
  }

  selectKey<KR>(selector: (key: K, value: V) => Sync<KR>, options: Named = {}): KStream<KR, V> {
    const { name, node } = this.#add(
      'KSTREAM-KEY-SELECT-',
      options,
      stateless.selectKey<K, V, KR>(aFunction('the selector of selectKey()', selector)),
      'changes-key',
    )
    return this.handle.dsl.stream<KR, V>({ ...this.handle, name, node, keySerde: undefined, repartitionRequired: true })
  }

  map<KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR], options: Named = {}): KStream<KR, VR> {
    return this.#step('KSTREAM-MAP-', options, stateless.map(aFunction('the mapper of map()', mapper)), 'changes-key')
  }

  mapValues<VR>(mapper: (value: V, key: K) => Sync<VR>, options: Named = {}): KStream<K, VR> {
    return this.#step(
      'KSTREAM-MAPVALUES-',
      options,
      stateless.mapValues<K, V, VR>(aFunction('the mapper of mapValues()', mapper)),
      'changes-value',
    )
  }

  flatMap<KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>, options: Named = {}): KStream<KR, VR> {
    return this.#step(
      'KSTREAM-FLATMAP-',
      options,
      stateless.flatMap(aFunction('the mapper of flatMap()', mapper)),
      'changes-key',
    )
  }

  flatMapValues<VR>(mapper: (value: V, key: K) => Iterable<VR>, options: Named = {}): KStream<K, VR> {
    return this.#step(
      'KSTREAM-FLATMAPVALUES-',
      options,
      stateless.flatMapValues(aFunction('the mapper of flatMapValues()', mapper)),
      'changes-value',
    )
  }

  peek(action: (key: K, value: V) => void, options: Named = {}): KStream<K, V> {
    return this.#step(
      'KSTREAM-PEEK-',
      options,
      stateless.peek(aFunction('the action of peek()', action)),
      'keeps-types',
    )
  }

  forEach(action: (key: K, value: V) => void, options: Named = {}): void {
    this.#add('KSTREAM-FOREACH-', options, stateless.peek(aFunction('the action of forEach()', action)))
  }

  print(options: Printed<K, V> = {}): void {
    const { label = this.handle.name, format = printedRecord, write = printLine } = options
    this.#add(
      'KSTREAM-PRINTER-',
      options,
      stateless.peek((key: K, value: V) => write(`[${label}]: ${format(key, value)}`)),
    )
  }

  merge(other: KStream<K, V>, options: Named = {}): KStream<K, V> {
    const { dsl } = this.handle
    const right = streamHandle(other, dsl)
    const name = dsl.graph.names.orElse(options.name, 'KSTREAM-MERGE-')
    const node = dsl.graph.add([this.handle.node, right.node], {
      ...processorNode(name, stateless.passThrough()),
      merges: true,
    })
    return dsl.stream<K, V>({
      dsl,
      name,
      node,
      keySerde: undefined,
      valueSerde: undefined,
      sources: new Set([...this.handle.sources, ...right.sources]),
      repartitionRequired: this.handle.repartitionRequired || right.repartitionRequired,
    })
  }

  split(options: Named = {}): BranchedKStream<K, V> {
    return new BranchedKStreamImpl(this.handle, options)
  }

  process<KR, VR>(supplier: () => Processor<K, V, KR, VR>, options: ProcessOptions = {}): KStream<KR, VR> {
    return this.#step(PROCESS, options, aSupplier('the supplier of process()', supplier), 'changes-key', options.stores)
  }

  processValues<VR>(supplier: () => FixedKeyProcessor<K, V, VR>, options: ProcessOptions = {}): KStream<K, VR> {
    return this.#step(
      PROCESS_VALUES,
      options,
      fixedKey(aSupplier('the supplier of processValues()', supplier)),
      'changes-value',
      options.stores,
    )
  }

  mapAsync<VR>(
    call: (value: V, key: K, call: AsyncCall) => PromiseLike<VR> | VR,
    options: AsyncOptions<K, V, VR>,
  ): KStream<K, VR> {
    return this.#asyncStep(mapAsync(aFunction('the call of mapAsync()', call)), options, 'changes-value')
  }

  flatMapAsync<VR>(
    call: (value: V, key: K, call: AsyncCall) => PromiseLike<Iterable<VR>> | Iterable<VR>,
    options: AsyncOptions<K, V, readonly VR[]>,
  ): KStream<K, VR> {
    return this.#asyncStep(flatMapAsync(aFunction('the call of flatMapAsync()', call)), options, 'changes-value')
  }

  processAsync<A, KR, VR>(
    supplier: () => AsyncProcessor<K, V, A, KR, VR>,
    options: AsyncOptions<K, V, A> & Pick<ProcessOptions, 'stores'>,
  ): KStream<KR, VR> {
    return this.#asyncStep(
      aSupplier('the supplier of processAsync()', supplier),
      options,
      'changes-key',
      options.stores,
    )
  }

  repartition(options: Repartitioned<K, V> = {}): KStream<K, V> {
    const { dsl } = this.handle
    const prefix = options.name ?? dsl.graph.names.processor('KSTREAM-REPARTITION-')
    const keySerde = options.keySerde ?? this.handle.keySerde
    const valueSerde = options.valueSerde ?? this.handle.valueSerde
    const node = dsl.graph.add(
      this.handle.node,
      repartitionNode({
        graph: dsl.graph,
        prefix,
        keySerde,
        valueSerde,
        partitions: wholeNumberOrNone('partitions of repartition()', options.partitions, 1),
        partitioner: options.partitioner,
        partitionsByValue: options.partitionsByValue,
        deviceClock: options.deviceClock,
      }),
    )
    const sources = new Set([node.name])
    return dsl.stream<K, V>({ dsl, name: node.name, node, keySerde, valueSerde, sources, repartitionRequired: false })
  }

  groupByKey(options: Grouped<K, V> = {}): KGroupedStream<K, V> {
    return this.handle.dsl.groupedStream<K, V>({
      ...this.handle,
      keySerde: options.keySerde ?? this.handle.keySerde,
      valueSerde: options.valueSerde ?? this.handle.valueSerde,
      repartitionName: options.name,
    })
  }

  groupBy<KR>(selector: (key: K, value: V) => KR, options: Grouped<KR, V> = {}): KGroupedStream<KR, V> {
    const { name, node } = this.#add(
      'KSTREAM-KEY-SELECT-',
      options,
      stateless.selectKey(aFunction('the selector of groupBy()', selector)),
      'changes-key',
    )
    return this.handle.dsl.groupedStream<KR, V>({
      ...this.handle,
      name,
      node,
      keySerde: options.keySerde,
      valueSerde: options.valueSerde ?? this.handle.valueSerde,
      repartitionRequired: true,
      repartitionName: options.name,
    })
  }

  toTable(options: TableOptions<K, NonNullable<V>> = {}): KTable<K, NonNullable<V>> {
    const { dsl } = this.handle
    const { graph } = dsl
    const name = graph.names.orElse(options.name, 'KSTREAM-TOTABLE-')
    const { store, queryableStoreName, serdes, spec } = materializeTable<K, NonNullable<V>>({
      graph,
      materialized: options.materialized,
      prefix: 'KSTREAM-TOTABLE-',
      inherited: {
        keySerde: this.handle.keySerde,
        valueSerde: this.handle.valueSerde as Serde<NonNullable<V>> | undefined,
      },
    })
    let { node: parent, sources } = this.handle
    if (this.handle.repartitionRequired) {
      parent = graph.add(parent, repartitionNode({ graph, prefix: name, ...serdes, isMergeable: true }))
      sources = new Set([parent.name])
    } else graph.copartition(sources)
    const operator = new TableSource<K, NonNullable<V>>(store, { materialized: queryableStoreName !== null })
    const node = graph.add(parent, {
      name,
      versioned: store.versioned,
      write(topology, parents) {
        topology.addOperator({ name, parents, supplier: operator.supplier })
        if (operator.materialized) topology.addStateStore(spec(), [name])
      },
    })
    return dsl.table<K, NonNullable<V>>({ dsl, name, node, ...serdes, sources, queryableStoreName, operator })
  }

  join<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V>, NonNullable<VO>, VR>,
  ): KStream<K, VR> {
    return joinStreams(this.#nonNull, this.#other(other), 'inner', options as AnyStreamJoin<K, V, VO, VR>)
  }

  leftJoin<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V>, NonNullable<VO> | null, VR>,
  ): KStream<K, VR> {
    return joinStreams(this.#nonNull, this.#other(other), 'left', options as AnyStreamJoin<K, V, VO, VR>)
  }

  outerJoin<VO, VR>(
    other: KStream<K, VO>,
    options: StreamJoinOptions<K, NonNullable<V> | null, NonNullable<VO> | null, VR>,
  ): KStream<K, VR> {
    return joinStreams(this.#nonNull, this.#other(other), 'outer', options)
  }

  joinTable<VT, VR>(table: KTable<K, VT>, options: StreamTableJoinOptions<K, NonNullable<V>, VT, VR>): KStream<K, VR> {
    const anyOptions = options as StreamTableJoinOptions<K, NonNullable<V>, VT | null, VR>
    return joinTable(this.#nonNull, tableHandle(table, this.handle.dsl), 'inner', anyOptions)
  }

  leftJoinTable<VT, VR>(
    table: KTable<K, VT>,
    options: StreamTableJoinOptions<K, NonNullable<V>, VT | null, VR>,
  ): KStream<K, VR> {
    return joinTable(this.#nonNull, tableHandle(table, this.handle.dsl), 'left', options)
  }

  joinGlobal<KG, VG, VR>(
    table: GlobalKTable<KG, VG>,
    options: GlobalJoinOptions<K, NonNullable<V>, KG, VG, VR>,
  ): KStream<K, VR> {
    const anyOptions = options as GlobalJoinOptions<K, NonNullable<V>, KG, VG | null, VR>
    return joinGlobalTable(this.#nonNull, globalTableHandle(table, this.handle.dsl), 'inner', anyOptions)
  }

  leftJoinGlobal<KG, VG, VR>(
    table: GlobalKTable<KG, VG>,
    options: GlobalJoinOptions<K, NonNullable<V>, KG, VG | null, VR>,
  ): KStream<K, VR> {
    return joinGlobalTable(this.#nonNull, globalTableHandle(table, this.handle.dsl), 'left', options)
  }

  to(topic: string | TopicExtractor<K, V>, options: Produced<K, V> = {}): void {
    const { graph } = this.handle.dsl
    if (typeof topic !== 'string') aFunction('the topic of to(), when it is no name,', topic)
    const name = graph.names.orElse(options.name, 'KSTREAM-SINK-')
    graph.add(this.handle.node, {
      name,
      write: (topology, parents) => {
        const keySerde = graph.keySerde(options.keySerde ?? this.handle.keySerde, `sink ${name}`)
        topology.addSink({
          name,
          parents,
          topic: topic as string | TopicExtractor,
          keySerde,
          valueSerde: graph.valueSerde(options.valueSerde ?? this.handle.valueSerde, `sink ${name}`),
          partitioner: options.partitioner ?? partitionerFor(keySerde),
          headers: options.headers,
        })
      },
    })
  }

  /** Joins skip records with null values, so the joiner never sees one. */
  get #nonNull(): StreamHandle<K, NonNullable<V>> {
    return this.handle as StreamHandle<K, NonNullable<V>>
  }

  #other<VO>(other: KStream<K, VO>): StreamHandle<K, NonNullable<VO>> {
    return streamHandle(other, this.handle.dsl) as StreamHandle<K, NonNullable<VO>>
  }

  #add<KR, VR>(
    prefix: string,
    options: Named,
    supplier: ProcessorSupplier<K, V, KR, VR>,
    step: Step | null = null,
    stores: ProcessOptions['stores'] = [],
  ): { readonly name: string; readonly node: GraphNode } {
    const { graph } = this.handle.dsl
    const { names } = graph
    const isProcess = prefix === PROCESS || prefix === PROCESS_VALUES
    const name = isProcess ? names.orElseUnnumbered(options.name, prefix) : names.orElse(options.name, prefix)
    const node = graph.add(this.handle.node, {
      ...processorNode(name, supplier, stores),
      ...(step === 'changes-key' && { changesKey: true }),
      ...(step === 'keeps-types' && { passes: true }),
    })
    return { name, node }
  }

  #step<KR, VR>(
    prefix: string,
    options: Named,
    supplier: ProcessorSupplier<K, V, KR, VR>,
    step: Step,
    stores: ProcessOptions['stores'] = [],
  ): KStream<KR, VR> {
    const { name, node } = this.#add(prefix, options, supplier, step, stores)
    return this.#behind(name, node, step)
  }

  #asyncStep<A, KR, VR>(
    supplier: () => AsyncProcessor<K, V, A, KR, VR>,
    options: AsyncOptions<K, V, A>,
    step: Step,
    stores: ProcessOptions['stores'] = [],
  ): KStream<KR, VR> {
    const node = asyncCallsNode(this.handle, supplier, options, stores)
    return this.#behind(node.name, node, step)
  }

  #behind<KR, VR>(name: string, node: GraphNode, step: Step): KStream<KR, VR> {
    const { dsl, keySerde, valueSerde, sources, repartitionRequired } = this.handle
    return dsl.stream<KR, VR>({
      dsl,
      name,
      node,
      sources,
      // The types are the same where a serde is passed on: that is what the step says.
      keySerde: step === 'changes-key' ? undefined : (keySerde as StreamHandle<KR, VR>['keySerde']),
      valueSerde: step === 'keeps-types' ? (valueSerde as StreamHandle<KR, VR>['valueSerde']) : undefined,
      repartitionRequired: repartitionRequired || step === 'changes-key',
    })
  }
}

/** Graph node of a single processor with the stores it uses. */
function processorNode<KIn, VIn, KOut, VOut>(
  name: string,
  supplier: ProcessorSupplier<KIn, VIn, KOut, VOut>,
  stores: ProcessOptions['stores'] = [],
): Parameters<StreamHandle<KIn, VIn>['dsl']['graph']['add']>[1] {
  return {
    name,
    write(topology, parents) {
      topology.addOperator({ name, parents, supplier })
      connectStores(topology, name, stores)
    },
  }
}

function printedRecord(key: unknown, value: unknown): string {
  return [key, value].map((part) => (typeof part === 'object' ? JSON.stringify(part) : String(part))).join(', ')
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
