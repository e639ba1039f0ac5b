import { answerOf } from '../../state/ports/thenable.ts'
import { withFunctions } from '../given.ts'
import { TableJoinMerge } from '../operators/table-join-merge.ts'
import { type JoinSides, TableTableJoin } from '../operators/table-table-join.ts'
import type { TableHandle } from './dsl.ts'
import type { JoinKind } from './stream-joins.ts'
import { materializeTable } from './table-materialization.ts'
import type { KTable, TableJoinOptions } from './types.ts'

/** A join of two tables by their keys. */
export function joinTables<K, V, VO, VR>(
  left: TableHandle<K, V>,
  right: TableHandle<K, VO>,
  kind: JoinKind,
  options: TableJoinOptions<K, V | null, VO | null, VR>,
): KTable<K, NonNullable<VR>> {
  const { dsl } = left
  const { graph } = dsl
  const { materialized } = withFunctions('a join of tables', options, 'joiner')
  const inherited = { keySerde: left.keySerde, valueSerde: undefined }
  const materialization =
    materialized === undefined
      ? null
      : materializeTable<K, NonNullable<VR>>({ graph, materialized, prefix: 'KTABLE-MERGE-', inherited })
  const name = graph.names.orElse(options.name, 'KTABLE-MERGE-')
  const sources = new Set([...left.sources, ...right.sources])
  graph.copartition(sources)
  if (kind !== 'inner') left.operator.enableSendingOldValues(true)
  if (kind === 'outer') right.operator.enableSendingOldValues(true)
  const joiner = (own: V | null, other: VO | null, key: K): NonNullable<VR> | null =>
    answerOf('the joiner of', options.joiner(own, other, key), name) ?? null
  const leftSides: JoinSides = { keepsOwn: kind !== 'inner', keepsOther: kind === 'outer' }
  const joinLeft = new TableTableJoin<K, V, VO, NonNullable<VR>>({
    own: left.operator,
    other: right.operator,
    sides: leftSides,
    joiner,
  })
  const joinRight = new TableTableJoin<K, VO, V, NonNullable<VR>>({
    own: right.operator,
    other: left.operator,
    sides: { keepsOwn: leftSides.keepsOther, keepsOther: leftSides.keepsOwn },
    joiner: (other, own, key) => joiner(own, other, key),
  })
  const leftName = graph.names.suffixOrElse(options.name, '-join-this', 'KTABLE-JOINTHIS-')
  const rightName = graph.names.suffixOrElse(options.name, '-join-other', 'KTABLE-JOINOTHER-')
  const merge = new TableJoinMerge<K, NonNullable<VR>>([joinLeft, joinRight], materialization?.store ?? null)
  const leftStores = left.operator.view().storeNames
  const rightStores = right.operator.view().storeNames
  const node = graph.add([left.node, right.node], {
    name,
    versioned: materialization?.store.versioned ?? false,
    onVersioned(parent, versioned) {
      if (parent === left.node.name) joinLeft.useVersionedSemantics(versioned)
      if (parent === right.node.name) joinRight.useVersionedSemantics(versioned)
    },
    write(topology) {
      topology.addOperator({ name: leftName, parents: [left.name], supplier: joinLeft.supplier })
      topology.addOperator({ name: rightName, parents: [right.name], supplier: joinRight.supplier })
      topology.addOperator({ name, parents: [leftName, rightName], supplier: merge.supplier })
      topology.connectProcessorAndStateStores(leftName, rightStores)
      topology.connectProcessorAndStateStores(rightName, leftStores)
      if (materialization !== null) topology.addStateStore(materialization.spec(), [name])
    },
  })
  return dsl.table<K, NonNullable<VR>>({
    dsl,
    name,
    node,
    keySerde: materialization?.serdes.keySerde ?? left.keySerde,
    valueSerde: materialization?.serdes.valueSerde,
    sources,
    queryableStoreName: materialization?.store.name ?? null,
    operator: merge,
  })
}
