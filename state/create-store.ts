import { CacheBudget } from './layers/cache-budget.ts'
import { RowLayers } from './layers/row-layers.ts'
import type { BackendOptions, StoreBackend } from './ports/backend.ts'
import type { ManagedStore, StoreContext } from './ports/managed-store.ts'
import { type StoreSpec, serdeTopicOf } from './ports/store-spec.ts'
import { KeptNumbers } from './stores/kept-numbers.ts'
import { KeyCodec } from './stores/key-codec.ts'
import { keyValueKind } from './stores/key-value.ts'
import { LayeredStore, type StoreKind, type StoreParts } from './stores/layered-store.ts'
import { sessionKind } from './stores/session.ts'
import { readNote } from './stores/store-note.ts'
import {
  CopiedValues,
  FrozenValues,
  namedSerde,
  SERIALIZED,
  SharedValues,
  type ValueCodec,
} from './stores/value-codec.ts'
import { versionedKind } from './stores/versioned.ts'
import { windowKind } from './stores/window.ts'

export interface CreateStoreOptions {
  /** Shared by all stores of a stream thread. Default: a budget of its own of 8 MiB. */
  readonly cache?: CacheBudget
  /** Counts rows that were not written because the store no longer keeps their time. */
  readonly onDropped?: (reason: string) => void
  /** For tests: stores whose values are promised to be immutable keep copies too, and freeze values to hold the promise. */
  readonly freezesImmutable?: boolean
}

const OWN_BUDGET = 8 * 1024 * 1024

/** How the backend of this store must be opened. */
export function backendOptions(spec: StoreSpec): BackendOptions {
  return { keyIndex: spec.kind !== 'key-value' || spec.scan }
}

/** Builds a store of any kind over its opened backend. The store closes the backend. */
export function createStore(
  spec: StoreSpec,
  backend: StoreBackend,
  context: StoreContext,
  options: CreateStoreOptions = {},
): ManagedStore {
  const { onDropped = () => undefined } = options
  const topic = serdeTopicOf(spec)
  const keepHeaders = spec.headers === true
  const isInParts = spec.kind === 'key-value' && spec.changelogParts === true
  const values = valueCodec(spec, topic, options.freezesImmutable === true)
  const layers = new RowLayers<unknown>({
    name: spec.name,
    backend,
    format: {
      topic,
      valueSerde: values.copies
        ? SERIALIZED
        : namedSerde({ store: spec.name, topic, serde: spec.valueSerde, isInParts }),
      keepHeaders,
    },
    budget: options.cache ?? new CacheBudget(OWN_BUDGET),
    ordered: backendOptions(spec).keyIndex,
    // Versions are never coalesced: each is a row, and downstream gets each of them (as in Kafka Streams).
    caching: spec.caching && spec.kind !== 'versioned',
    recordHeaders: () => context.recordHeaders(),
    logsAllDeletes: spec.kind !== 'key-value',
    logging: spec.logging,
    tellsBefore: isInParts,
  })
  const keys = new KeyCodec(spec.keySerde, { store: spec.name, topic })
  const note = readNote(backend.note())
  const parts = { layers, backend, note, keys, context, values, onDropped }
  return new LayeredStore({
    name: spec.name,
    layers,
    backend,
    note,
    kind: kindOf(spec, parts),
    keepHeaders,
    keptNumbers: new KeptNumbers(spec.name, spec.keptNumbers ?? []),
    logging: spec.logging,
    context,
  })
}

function valueCodec(spec: StoreSpec, topic: string, freezes: boolean): ValueCodec {
  const copying = { store: spec.name, topic, serde: spec.valueSerde }
  if (spec.immutableValues !== true) return new CopiedValues(copying)
  return freezes ? new FrozenValues(copying) : new SharedValues(spec.name)
}

function kindOf(spec: StoreSpec, parts: Omit<StoreParts<never>, 'spec'>): StoreKind<unknown> {
  switch (spec.kind) {
    case 'key-value':
      return keyValueKind({ spec, ...parts })
    case 'window':
      return windowKind({ spec, ...parts })
    case 'session':
      return sessionKind({ spec, ...parts })
    case 'versioned':
      return versionedKind({ spec, ...parts })
  }
}
