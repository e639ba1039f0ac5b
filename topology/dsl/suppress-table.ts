import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { Windowed } from '../../state/ports/stores.ts'
import { aWholeNumber } from '../given.ts'
import { validateName } from '../names.ts'
import { bufferedChangeSerde } from '../operators/buffered-change-serde.ts'
import { OBSERVED } from '../operators/operator-times.ts'
import { Suppress, type SuppressSettings } from '../operators/suppress.ts'
import type { TableHandle } from './dsl.ts'
import type { GraphNode } from './graph.ts'
import type { Suppressed } from './options.ts'
import type { KTable } from './types.ts'

const PREFIX = 'KTABLE-SUPPRESS-'

/** A table whose changes are held back; the buffer is a store with a changelog of its own. */
export function suppressTable<K, V>(table: TableHandle<K, V>, suppressed: Suppressed): KTable<K, V> {
  const { dsl } = table
  const { graph } = dsl
  const { buffer = {} } = suppressed
  if (suppressed.until === 'time-limit') aWholeNumber('limitMs of suppress()', suppressed.limitMs, 0)
  if (suppressed.until === 'window-closes' && buffer.whenFull === 'emit-early')
    throw new StreamsTopologyError('results held back until their window closes must not be emitted early')
  const name = suppressed.name === undefined ? graph.names.processor(PREFIX) : validateName(suppressed.name)
  const storeName = suppressed.name === undefined ? graph.names.store(PREFIX) : `${suppressed.name}-store`
  const settings: SuppressSettings<K> = {
    ...timing(table.node, suppressed),
    maxRecords: limitOf('maxRecords', buffer.maxRecords),
    maxBytes: limitOf('maxBytes', buffer.maxBytes),
    whenFull: buffer.whenFull ?? (suppressed.until === 'time-limit' ? 'emit-early' : 'shut-down'),
  }
  const keySerde = () => graph.keySerde(table.keySerde, `store ${storeName}`)
  const valueSerde = () => graph.valueSerde(table.valueSerde, `store ${storeName}`)
  const operator = new Suppress<K, V>({ parent: table.operator, storeName, settings, keySerde, valueSerde })
  const node = graph.add(table.node, {
    name,
    versioned: false,
    onVersioned(parent, versioned) {
      if (versioned) throw new StreamsTopologyError(`${name} cannot suppress ${parent}: it is a versioned table`)
    },
    write(topology, parents) {
      const spec: KeyValueSpec = {
        kind: 'key-value',
        name: storeName,
        keySerde: keySerde(),
        valueSerde: bufferedChangeSerde(valueSerde()),
        logging: buffer.logging ?? true,
        changelogConfig: buffer.changelogConfig,
        caching: false,
        timestamped: false,
        scan: true,
        keptNumbers: [OBSERVED],
      }
      topology.addOperator({ name, parents, supplier: operator.supplier, holdsBack: storeName })
      topology.addStateStore(spec, [name])
    },
  })
  return dsl.table<K, V>({ ...table, name, node, queryableStoreName: null, operator })
}

function limitOf(name: string, given = Number.POSITIVE_INFINITY): number {
  return given === Number.POSITIVE_INFINITY ? given : aWholeNumber(`${name} of suppress()`, given, 0)
}

function timing<K>(
  table: GraphNode,
  suppressed: Suppressed,
): Pick<SuppressSettings<K>, 'holdMs' | 'bufferTime' | 'dropTombstones'> {
  return suppressed.until === 'time-limit'
    ? { holdMs: suppressed.limitMs, bufferTime: (_key, timestamp) => timestamp, dropTombstones: false }
    : { holdMs: closeDelayAbove(table), bufferTime: endOfWindow, dropTombstones: true }
}

function endOfWindow(key: unknown): number {
  return (key as Windowed<unknown>).window.end
}

/** The longest grace of the windows above; each of them is informed. */
function closeDelayAbove(node: GraphNode): number {
  const own = node.options.windowCloseDelayMs
  node.options.onFinalBelow?.()
  if (own !== undefined) return own
  const above = [...node.parents].map(closeDelayAbove)
  if (above.length === 0)
    throw new StreamsTopologyError('only windowed tables can be suppressed until their windows close')
  return Math.max(...above)
}
