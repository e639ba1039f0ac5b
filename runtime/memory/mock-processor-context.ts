import { StreamsTopologyError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange, ManagedStore } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type {
  Cancellable,
  Processor,
  ProcessorContext,
  PunctuationType,
  Punctuator,
  RecordMetadata,
} from '../../topology/processor.ts'
import type { ProcessorMetrics } from '../../topology/processor-metrics.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { Unused } from '../../topology/sync.ts'
import type { MetricFamily } from '../ports/metrics.ts'
import { UserMetrics } from '../task/user-metrics.ts'
import { memoryStore } from './memory-store.ts'

export interface MockProcessorContextOptions {
  /** Default `test`. */
  readonly applicationId?: string
  /** Default `0_0`. */
  readonly taskId?: string
  /** Default 1. */
  readonly taskCount?: number
  /** Default `processor`. */
  readonly nodeName?: string
  /** The stores that the processor is connected to. They are in memory, empty, and have no changelog. */
  readonly stores?: readonly StoreSpec[]
  /** Wall clock, epoch ms; default 0. */
  readonly systemTimeMs?: number
}

export interface CapturedForward<K, V> {
  readonly record: StreamRecord<K, V>
  /** Undefined: all children. */
  readonly childName: string | undefined
}

export interface CapturedPunctuator extends Cancellable {
  readonly intervalMs: number
  readonly type: PunctuationType
  readonly punctuator: Punctuator
  readonly isCancelled: boolean
}

/**
 * Runs one processor alone in a test, as Kafka Streams' MockProcessorContext does: it keeps what the processor forwards and schedules,
 * and its times are what the test sets. TopologyTestDriver runs whole topologies.
 */
export class MockProcessorContext<KOut = unknown, VOut = unknown> implements ProcessorContext<KOut, VOut> {
  readonly applicationId: string
  readonly taskId: string
  readonly partition: number
  readonly taskCount: number
  readonly nodeName: string
  readonly metrics: ProcessorMetrics
  readonly #userMetrics = new UserMetrics()
  readonly #stores: ReadonlyMap<string, ManagedStore>
  readonly #dropped = new Map<string, number>()
  readonly #gathering: (() => Unused)[] = []
  #forwarded: CapturedForward<KOut, VOut>[] = []
  #punctuators: CapturedPunctuator[] = []
  #record: StreamRecord<unknown, unknown> | null = null
  #metadata: RecordMetadata | null = null
  #streamTime = -1
  #systemTime: number
  #isCommitted = false

  constructor(options: MockProcessorContextOptions = {}) {
    const { applicationId = 'test', taskId = '0_0', taskCount = 1, nodeName = 'processor', stores = [] } = options
    this.applicationId = applicationId
    this.taskId = taskId
    this.partition = Number(taskId.slice(taskId.indexOf('_') + 1))
    this.taskCount = taskCount
    this.nodeName = nodeName
    this.#systemTime = options.systemTimeMs ?? 0
    this.metrics = this.#userMetrics.ofTask(taskId)
    this.#stores = new Map(stores.map((spec) => [spec.name, this.#open(spec)]))
  }

  /** Calls process() of the processor with the record; stream time follows, and stores take the record's time and headers. */
  process<KIn, VIn>(processor: Processor<KIn, VIn, KOut, VOut>, record: StreamRecord<KIn, VIn>): void {
    this.#streamTime = Math.max(this.#streamTime, record.timestamp)
    this.#record = record
    try {
      processor.process(record)
    } finally {
      this.#record = null
    }
  }

  /** Records forwarded so far, to all children or to the named one. */
  forwarded(childName?: string): readonly CapturedForward<KOut, VOut>[] {
    return childName === undefined
      ? this.#forwarded
      : this.#forwarded.filter((one) => one.childName === undefined || one.childName === childName)
  }

  resetForwards(): void {
    this.#forwarded = []
  }

  scheduledPunctuators(): readonly CapturedPunctuator[] {
    return this.#punctuators
  }

  /** Whether the processor has asked for a commit. */
  committed(): boolean {
    return this.#isCommitted
  }

  resetCommit(): void {
    this.#isCommitted = false
  }

  /** Calls what the processor has registered with beforeCommit(). */
  runBeforeCommit(): void {
    for (const listener of this.#gathering) listener()
  }

  /** Records dropped so far, by reason. */
  droppedRecords(): ReadonlyMap<string, number> {
    return this.#dropped
  }

  /** The processor's own metrics. */
  metricFamilies(): readonly MetricFamily[] {
    return this.#userMetrics.snapshot()
  }

  setRecordMetadata(metadata: RecordMetadata | null): void {
    this.#metadata = metadata
  }

  setCurrentStreamTimeMs(time: number): void {
    this.#streamTime = time
  }

  setCurrentSystemTimeMs(time: number): void {
    this.#systemTime = time
  }

  // ProcessorContext

  forward(record: StreamRecord<KOut, VOut>, childName?: string): void {
    this.#forwarded.push({ record, childName })
  }

  store<S extends StateStore>(name: string): S {
    return this.#managed(name).api as S
  }

  keptNumber(storeName: string, name: string): KeptNumber {
    return this.#managed(storeName).kept(name)
  }

  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    let isCancelled = false
    const captured: CapturedPunctuator = {
      intervalMs,
      type,
      punctuator,
      get isCancelled() {
        return isCancelled
      },
      cancel: () => {
        isCancelled = true
      },
    }
    this.#punctuators.push(captured)
    return captured
  }

  beforeCommit(listener: () => Unused): void {
    this.#gathering.push(listener)
  }

  commit(): void {
    this.#isCommitted = true
  }

  recordMetadata(): RecordMetadata | null {
    return this.#metadata
  }

  currentStreamTimeMs(): number {
    return this.#streamTime
  }

  currentSystemTimeMs(): number {
    return this.#systemTime
  }

  drop(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }

  onStoreFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void {
    this.#managed(storeName).onFlush(listener)
  }

  #managed(name: string): ManagedStore {
    const store = this.#stores.get(name)
    if (store === undefined) throw new StreamsTopologyError(`${this.nodeName} has no store ${name}; give it in stores`)
    return store
  }

  #open(spec: StoreSpec): ManagedStore {
    const context = {
      streamTime: () => this.#streamTime,
      recordTimestamp: () => this.#record?.timestamp ?? Math.max(this.#streamTime, 0),
      recordHeaders: () => this.#record?.headers ?? NO_HEADERS,
    }
    return memoryStore(spec, context, (reason) => this.drop(reason))
  }
}
