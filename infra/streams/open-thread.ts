import type { ThreadListener } from '../../runtime/ports/instance-events.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import type { StoreOpener } from '../../runtime/task/task-stores.ts'
import { LocalThread } from '../../runtime/thread/local-thread.ts'
import { ChosenBackends } from '../../state/backends/chosen-backends.ts'
import { diskBackends } from '../../state/backends/disk-backends.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { WaitingRows } from '../../state/backends/waiting-rows.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { CacheBudget } from '../../state/layers/cache-budget.ts'
import type { StoreBackend } from '../../state/ports/backend.ts'
import { StoreCorruptedError } from '../../state/ports/errors.ts'
import { connectKafka, type KafkaCluster } from '../kafka/kafka.ts'
import type { KafkaReader } from '../kafka/kafka-reader.ts'
import type { KafkaWriter } from '../kafka/kafka-writer.ts'
import { threadMemory } from '../metrics/thread-memory.ts'
import { type Tracing, tracingOf } from '../tracing/index.ts'
import type { LoadedApp } from './app-definition.ts'
import { instanceClock } from './real-clock.ts'
import { withHandlers } from './streams-config.ts'
import type { ThreadBudget } from './thread-budgets.ts'
import type { ThreadSetup } from './thread-messages.ts'

export interface ThreadHost {
  readonly index: number
  readonly app: LoadedApp
  readonly onEvent: ThreadListener
}

/** A stream thread with what it works with: its own connections, its own transactional producer, its own stores. */
export class OpenThread {
  readonly thread: LocalThread
  /** Resolves when the thread has ended and its connections are closed. */
  readonly stopped: Promise<Error | null>
  readonly #kafka: KafkaCluster
  readonly #setup: ThreadSetup
  readonly #index: number
  readonly #cache: CacheBudget
  readonly #waiting: WaitingRows
  readonly #reader: KafkaReader
  readonly #writer: KafkaWriter

  static async open(setup: ThreadSetup, host: ThreadHost): Promise<OpenThread> {
    const { onEvent } = host
    const tracing = await tracingOf(setup.tracing, (error) => onEvent({ type: 'traces-lost', error }))
    return new OpenThread(setup, host, tracing)
  }

  private constructor(setup: ThreadSetup, { index, app, onEvent }: ThreadHost, tracing: Tracing | null) {
    this.#setup = setup
    this.#index = index
    const { cacheMaxBytes, writeBehindMaxBytes, maxEpochBytes, fetchMaxBytes } = setup.budget
    this.#cache = new CacheBudget(cacheMaxBytes)
    this.#waiting = new WaitingRows(writeBehindMaxBytes)
    const kafka = connectKafka(setup.kafka)
    this.#kafka = kafka
    // Less waits in memory, and the garbage collector has less to copy; the next fetch is in flight anyway.
    this.#reader = kafka.reader({ partitionMaxBytes: PARTITION_MAX_BYTES, fetchMaxBytes })
    this.#writer = kafka.writer({
      transactionalId: setup.transactionalId,
      transactionTimeoutMs: setup.transactionTimeoutMs,
      compression: setup.compression,
      poolBytes: poolBytesOf(maxEpochBytes),
      topics: [...setup.partitions.keys()],
    })
    this.thread = new LocalThread({
      index,
      ...app,
      plan: app.plan.withTopics?.(setup.existingTopics ?? []) ?? app.plan,
      config: { ...withHandlers(setup.config, app.exceptionHandlers), maxEpochBytes },
      partitions: setup.partitions,
      reader: this.#reader,
      newRestoreReader: () => kafka.reader({}),
      writer: this.#writer,
      admin: kafka.admin(),
      clock: instanceClock,
      openStore: storeOpener(setup, { cache: this.#cache, waiting: this.#waiting }, onEvent),
      ...(tracing && { tracer: tracing.tracer }),
      onEvent,
    })
    this.stopped = this.thread.stopped.then(async (failure) => {
      await kafka.close()
      await tracing?.close()
      return failure
    })
  }

  setBudget({ cacheMaxBytes, writeBehindMaxBytes, maxEpochBytes, fetchMaxBytes }: ThreadBudget): void {
    this.#cache.limit = cacheMaxBytes
    this.#waiting.limit = writeBehindMaxBytes
    this.#reader.fetchMaxBytes = fetchMaxBytes
    this.#writer.poolBytes = poolBytesOf(maxEpochBytes)
    this.thread.maxEpochBytes = maxEpochBytes
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return [...(await this.thread.metrics()), ...threadMemory(this.#index)]
  }

  /**
   * Without its connections nothing waits for brokers any more: after `timeoutMs` the last commit fails, and the tasks are closed without
   * it.
   */
  async close(timeoutMs = this.#setup.closeTimeoutMs): Promise<void> {
    const patience = setTimeout(() => void this.#kafka.abandon(), timeoutMs)
    await this.thread.close()
    clearTimeout(patience)
  }
}

const PARTITION_MAX_BYTES = 256 * 1024

/** Buffers grow by doubling: half of one may be empty. */
function poolBytesOf(maxEpochBytes: number): number {
  return 2 * maxEpochBytes
}

/** A store that cannot be read is rebuilt from its changelog: only that one is wiped. */
function storeOpener(
  setup: ThreadSetup,
  { cache, waiting }: { readonly cache: CacheBudget; readonly waiting: WaitingRows },
  onEvent: ThreadListener,
): StoreOpener {
  // In memory, too, what a closed store held stays for the time the task comes back, or a standby is made active.
  const { stateDirectory: directory, bufferSizes: sizes, stateBackend: byDefault } = setup
  const chosen = new ChosenBackends({
    directory,
    byDefault,
    disk: (kind) => writeBehind(diskBackends(kind, directory, { sizes }), { waiting }),
    memory: () => memoryBackends({ durable: true }),
  })
  return async (taskId, spec, context) => {
    const options = backendOptions(spec)
    const backends = chosen.of(spec)
    let backend: StoreBackend
    try {
      backend = await backends.open(taskId, spec.name, options)
    } catch (error) {
      if (!(error instanceof StoreCorruptedError)) throw error
      onEvent({ type: 'recovered', error, tasks: [taskId] })
      await backends.destroy(taskId, spec.name)
      backend = await backends.open(taskId, spec.name, options)
    }
    return createStore(spec, backend, context, { cache })
  }
}
