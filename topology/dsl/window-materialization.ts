import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { SessionSpec, WindowSpec } from '../../state/ports/store-spec.ts'
import { wholeNumberOrNone } from '../given.ts'
import { validateName } from '../names.ts'
import { windowTimes } from '../operators/operator-times.ts'
import { type ValueVersions, versionedValues } from '../versioned-values.ts'
import type { EmitStrategy, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import { windowSize } from '../windows.ts'
import type { DslGraph } from './graph.ts'
import type { WindowMaterialized } from './options.ts'
import type { TableStoreSerdes } from './table-materialization.ts'

/** The store of a windowed table, as far as it is known during the calls of the DSL. */
export interface WindowMaterialization<K, V> {
  readonly storeName: string
  readonly caching: boolean
  /** The name given by the user; null when the name was generated. */
  readonly queryableStoreName: string | null
  /** Serdes of the key without its window, and of the value. */
  readonly serdes: TableStoreSerdes<K, V>
  spec(): WindowSpec | SessionSpec
}

export interface WindowMaterializeOptions<K, V> {
  readonly graph: DslGraph
  readonly materialized: WindowMaterialized<K, V> | undefined
  readonly prefix: string
  readonly inherited: TableStoreSerdes<K, V>
  readonly windows: TimeWindows | SlidingWindows | SessionWindows
  readonly emit: EmitStrategy
  /** Aggregates that share the store; default 1. */
  readonly members?: number
}

export function materializeWindows<K, V>(options: WindowMaterializeOptions<K, V>): WindowMaterialization<K, V> {
  const { graph, prefix, inherited, windows, emit, members } = options
  const materialized = options.materialized ?? {}
  const name = materialized.name === undefined ? graph.names.store(prefix) : validateName(materialized.name)
  const least = leastRetention(windows)
  const retentionMs = wholeNumberOrNone(`retentionMs of store ${name}`, materialized.retentionMs, 0) ?? least
  if (retentionMs < least)
    throw new StreamsTopologyError(`store ${name} must keep its windows for at least ${least} ms, not ${retentionMs}`)
  // Final results are read from the store when windows close, so there is nothing to forward at commit.
  const caching = (materialized.caching ?? true) && emit === 'on-window-update'
  const keySerde = materialized.keySerde ?? inherited.keySerde
  const valueSerde = materialized.valueSerde ?? inherited.valueSerde
  return {
    storeName: name,
    caching,
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
        keptNumbers: windowTimes(members),
        retentionMs: Math.max(retentionMs, reach(windows)),
      }
      return windows.kind === 'session'
        ? { kind: 'session', ...base }
        : { kind: 'window', ...base, timestamped: true, windowSizeMs: windowSize(windows), retainDuplicates: false }
    },
  }
}

/** How long windows are needed: sliding ones are read from two window sizes later. */
function leastRetention(windows: TimeWindows | SlidingWindows | SessionWindows): number {
  switch (windows.kind) {
    case 'time':
      return windows.sizeMs + windows.graceMs
    case 'sliding':
      return 2 * windows.timeDifferenceMs + windows.graceMs
    case 'session':
      return windows.inactivityGapMs + windows.graceMs
  }
}

/**
 * How long rows are needed, at the least. Kafka Streams goes by leastRetention() and loses some at the edges.
 * Sessions: a record in time joins neighbours whose end is up to two gaps and the grace behind; Kafka Streams misses some of them
 * unless they are in its cache.
 * Sliding windows: a record in time looks two differences back, and the store's stream time is the latest start of a window: 1 ms
 * behind a record. A row expires when it is the retention behind.
 */
function reach(windows: TimeWindows | SlidingWindows | SessionWindows): number {
  switch (windows.kind) {
    case 'time':
      return leastRetention(windows)
    case 'sliding':
      return leastRetention(windows) + 2
    case 'session':
      return 2 * windows.inactivityGapMs + windows.graceMs + 1
  }
}

/** The delay after a window's end (in stream time) until it accepts no more records. */
export function closeDelay(windows: TimeWindows | SlidingWindows | SessionWindows): number {
  return windows.kind === 'session' ? windows.graceMs + windows.inactivityGapMs : windows.graceMs
}

/** Whether the windows of an aggregate are closed for good: it sends final results itself, or a suppress below does. */
export function windowFinality(emitsFinal: boolean): {
  readonly closes: () => boolean
  readonly onFinalBelow: () => void
} {
  let closes = emitsFinal
  return {
    closes: () => closes,
    onFinalBelow: () => {
      closes = true
    },
  }
}
