import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange } from '../../state/ports/managed-store.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { CallOperator, CallQueue, CallSettings } from '../async-call.ts'
import type {
  Cancellable,
  CommitRequest,
  IdleListener,
  ProcessorContext,
  PunctuationType,
  Punctuator,
  RecordMetadata,
} from '../processor.ts'
import type { ProcessorMetrics } from '../processor-metrics.ts'
import type { StreamRecord } from '../record.ts'
import type { Unused } from '../sync.ts'

/** A context that delegates to another one; subclasses change single methods. */
export class DelegatingContext<K, V> implements ProcessorContext<K, V> {
  protected readonly inner: ProcessorContext<K, V>
  readonly applicationId: string
  readonly taskId: string
  readonly partition: number
  readonly taskCount: number
  readonly nodeName: string

  constructor(inner: ProcessorContext<K, V>) {
    this.inner = inner
    this.applicationId = inner.applicationId
    this.taskId = inner.taskId
    this.partition = inner.partition
    this.taskCount = inner.taskCount
    this.nodeName = inner.nodeName
  }

  get metrics(): ProcessorMetrics {
    return this.inner.metrics
  }

  forward(record: StreamRecord<K, V>, childName?: string): void {
    this.inner.forward(record, childName)
  }

  store<S extends StateStore>(name: string): S {
    return this.inner.store<S>(name)
  }

  keptNumber(storeName: string, name: string): KeptNumber {
    return this.inner.keptNumber(storeName, name)
  }

  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    return this.inner.schedule(intervalMs, type, punctuator)
  }

  beforeCommit(listener: () => Unused): void {
    this.inner.beforeCommit(listener)
  }

  commit(request?: CommitRequest): void {
    this.inner.commit(request)
  }

  recordMetadata(): RecordMetadata | null {
    return this.inner.recordMetadata()
  }

  currentStreamTimeMs(): number {
    return this.inner.currentStreamTimeMs()
  }

  currentSystemTimeMs(): number {
    return this.inner.currentSystemTimeMs()
  }

  drop(reason: string): void {
    this.inner.drop(reason)
  }

  onStoreFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void {
    this.inner.onStoreFlush(storeName, listener)
  }

  onIdleTick(listener: IdleListener): void {
    this.inner.onIdleTick?.(listener)
  }

  openCalls(operator: CallOperator, settings: CallSettings): CallQueue {
    const queue = this.inner.openCalls?.(operator, settings)
    if (queue === undefined) throw new StreamsTopologyError(`${this.nodeName} makes calls, which nothing runs here`)
    return queue
  }
}
