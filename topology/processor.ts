import type { KeptNumber } from '../state/ports/kept-number.ts'
import type { FlushedChange } from '../state/ports/managed-store.ts'
import type { StateStore } from '../state/ports/stores.ts'
import type { CallOperator, CallQueue, CallSettings } from './async-call.ts'
import type { ProcessorMetrics } from './processor-metrics.ts'
import type { StreamRecord } from './record.ts'
import type { Unused } from './sync.ts'

/** Where the record being processed came from; null while a punctuator runs. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** stream-time: advances with record timestamps only. wall-clock-time: the injected clock. */
export type PunctuationType = 'stream-time' | 'wall-clock-time'

/** Called with the time it fires for (epoch ms). */
export type Punctuator = (timestamp: number) => Unused

export interface Cancellable {
  cancel(): void
}

/**
 * An operator that waits for stream time to pass. Told on quiet partitions of a topology that closes its windows when
 * idle (docs/idle-windows.md); it must be a function of its state and the tick alone, because ticks are replayed.
 */
export interface IdleListener {
  /** Stream time at which what is held back is due; +Infinity when nothing is held back. */
  due(): number
  /** Stream time has passed without a record: sends what is due, and records before it are late from here on. */
  tick(streamTime: number): void
}

export interface CommitRequest {
  /**
   * Default false. true: the commit comes early only while the thread keeps up with its input, and within the share of the brokers' time
   * that commits have. For a record that somebody waits for.
   */
  readonly ifCaughtUp?: boolean
}

/** A processor's only access to the world. Everything is synchronous; there is no other way to do I/O. */
export interface ProcessorContext<KOut = unknown, VOut = unknown> {
  readonly applicationId: string
  /** `<subtopology>_<partition>` */
  readonly taskId: string
  readonly partition: number
  /** How many tasks the subtopology has: partitions of its sources. */
  readonly taskCount: number
  /** Name of this node. */
  readonly nodeName: string
  /** Counters, gauges and histograms of this processor's own. */
  readonly metrics: ProcessorMetrics
  /** To all children in the order they were added, or to the named one. Depth first, returns when they are done. */
  forward(record: StreamRecord<KOut, VOut>, childName?: string): void
  /** A store connected to this processor. Throws StreamsTopologyError when it is not connected. */
  store<S extends StateStore>(name: string): S
  /** Fires every `intervalMs` as Kafka Streams does: stream time is aligned to the epoch of the first record, wall clock to now. */
  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable
  /**
   * Called before each commit, when caching stores flush: forwards what the processor has gathered in memory since the last time. It must
   * keep nothing of that, because it would be lost with the task. Behind the stores; at most one listener per processor.
   */
  beforeCommit(listener: () => Unused): void
  /** Asks for a commit soon: what came of the record, and what is gathered for `beforeCommit`, goes out with it. */
  commit(request?: CommitRequest): void
  recordMetadata(): RecordMetadata | null
  /** Greatest record timestamp this task has seen; -1 before the first. */
  currentStreamTimeMs(): number
  /** The injected clock. Using it makes results depend on when they were computed. */
  currentSystemTimeMs(): number
  /**
   * A number that a connected store declares in keptNumbers (Kafka Streams: processor metadata). Throws StreamsTopologyError
   * when the store is not connected or does not declare it.
   */
  keptNumber(storeName: string, name: string): KeptNumber
  /** Counts a record dropped on purpose (null key, late, ...): dropped_records_total{reason}. */
  drop(reason: string): void
  /**
   * KTable stores: the managed store behind a name, so that a caching operator can register its flush listener.
   * For operators of topology/ only.
   */
  onStoreFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void
  /** At most one listener per processor. Never called when the topology did not opt in. */
  onIdleTick?(listener: IdleListener): void
  /** Calls that the task makes for this node (mapAsync and the like). At most once per processor. For operators of topology/ only. */
  openCalls?(operator: CallOperator, settings: CallSettings): CallQueue
}

/** One instance per task and node. `process` must not keep the record's headers or raw buffers beyond the call unless it copies them. */
export interface Processor<KIn = unknown, VIn = unknown, KOut = unknown, VOut = unknown> {
  init?(context: ProcessorContext<KOut, VOut>): Unused
  process(record: StreamRecord<KIn, VIn>): Unused
  close?(): Unused
}

export type ProcessorSupplier<KIn, VIn, KOut, VOut> = () => Processor<KIn, VIn, KOut, VOut>

/**
 * Wraps every processor of a topology, those of the DSL included (KIP-1112): for measuring, logging or checking in one place. The
 * wrapper's processor must call init, process and close of the one it wraps.
 */
export type ProcessorWrapper = (
  name: string,
  supplier: ProcessorSupplier<unknown, unknown, unknown, unknown>,
) => ProcessorSupplier<unknown, unknown, unknown, unknown>

/** A processor that keeps the key of every record. */
export type FixedKeyProcessor<K, VIn, VOut> = Processor<K, VIn, K, VOut>
