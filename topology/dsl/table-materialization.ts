import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec, VersionedSpec } from '../../state/ports/store-spec.ts'
import { wholeNumberOrNone } from '../given.ts'
import { validateName } from '../names.ts'
import type { TableStoreOptions } from '../operators/table-store.ts'
import { type ValueVersions, versionedValues } from '../versioned-values.ts'
import type { DslGraph } from './graph.ts'
import type { TableMaterialized } from './options.ts'

export interface TableStoreSerdes<K, V> {
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
}

/** The store of a table, as far as it is known during the calls of the DSL. */
export interface TableMaterialization<K, V> {
  readonly store: TableStoreOptions
  /** The name given by the user; null when the name was generated. */
  readonly queryableStoreName: string | null
  readonly serdes: TableStoreSerdes<K, V>
  /** Called when the topology is written: only then must serdes be known. */
  spec(): KeyValueSpec | VersionedSpec
}

export interface MaterializeOptions<K, V> {
  readonly graph: DslGraph
  readonly materialized: TableMaterialized<K, V> | undefined
  /** Prefix of the generated store name. */
  readonly prefix: string
  /** The serdes to use where `materialized` has none. */
  readonly inherited: TableStoreSerdes<K, V>
}

export function materializeTable<K, V>(options: MaterializeOptions<K, V>): TableMaterialization<K, V> {
  const { graph, prefix, inherited } = options
  const materialized = options.materialized ?? {}
  const { historyRetentionMs, ttlMs, index } = materialized
  const name = materialized.name === undefined ? graph.names.store(prefix) : validateName(materialized.name)
  const versioned = historyRetentionMs !== undefined
  wholeNumberOrNone(`historyRetentionMs of store ${name}`, historyRetentionMs, 0)
  wholeNumberOrNone(`ttlMs of store ${name}`, ttlMs, 0)
  if (versioned && (materialized.caching === true || ttlMs !== undefined))
    throw new StreamsTopologyError(`store ${name}: a versioned store has no cache and no ttlMs`)
  if (index !== undefined && (versioned || ttlMs !== undefined))
    throw new StreamsTopologyError(`store ${name}: a store with an index has no historyRetentionMs and no ttlMs`)
  const caching = (materialized.caching ?? true) && !versioned
  const keySerde = materialized.keySerde ?? inherited.keySerde
  const valueSerde = materialized.valueSerde ?? inherited.valueSerde
  return {
    store: { name, versioned, caching },
    queryableStoreName: materialized.name ?? null,
    serdes: { keySerde, valueSerde },
    spec() {
      const where = `store ${name}`
      const base = {
        name,
        keySerde: graph.keySerde(keySerde, where),
        valueSerde: versionedValues(name, graph.valueSerde(valueSerde, where), materialized as ValueVersions<unknown>),
        logging: materialized.logging ?? true,
        changelogConfig: materialized.changelogConfig,
        caching,
        immutableValues: materialized.immutableValues,
        backend: materialized.backend,
        headers: materialized.headers,
      }
      return versioned
        ? { kind: 'versioned', ...base, historyRetentionMs }
        : { kind: 'key-value', ...base, timestamped: true, scan: false, ttlMs, index }
    },
  }
}
