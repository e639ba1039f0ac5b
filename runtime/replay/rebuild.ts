import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { bufferOf, type Serialized } from '../../state/ports/serde.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { Plan, PlanNode } from '../../topology/plan.ts'
import { Epochs } from '../commit/epochs.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommittedOffset, FetchedPartition, OutputBatch, TopicPartition } from '../ports/log.ts'
import type { PoisonedRecords } from '../task/poisoned-records.ts'
import type { TaskSource } from '../task/source-positions.ts'
import { StreamTask } from '../task/stream-task.ts'
import { parseTaskId, taskCountOf } from '../task/task-id.ts'
import { closeStores, type OpenStore, type StoreOpener, TaskStores } from '../task/task-stores.ts'
import { ThreadMetrics } from '../thread/thread-metrics.ts'

/** A record the topology would have written. */
export type RecordSink = (
  at: TopicPartition,
  key: Serialized | null,
  value: Serialized | null,
  timestamp: number,
  headers: Headers,
) => void

/** Records of an input partition to rebuild from: [from, to). */
export interface InputSpan extends TopicPartition {
  readonly from: number
  readonly to: number
}

export interface RebuildOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  /** Every task of the plan. */
  readonly taskIds: readonly string[]
  /** topic -> partition count, of every topic of the plan. */
  readonly partitions: ReadonlyMap<string, number>
  readonly input: readonly InputSpan[]
  /** Offset after the recorded idle ticks of a partition, which are not to be repeated. */
  readonly tickEnd: (at: TopicPartition) => number
  readonly openStore: StoreOpener
  /** Called for each output to a sink, and each changed row of a store with a changelog. The stores must be empty. */
  readonly onOutput: RecordSink
  readonly onChangelog: RecordSink
  readonly poisoned: PoisonedRecords
}

interface RebuildTask {
  readonly task: StreamTask
  readonly stores: readonly OpenStore[]
  /** True for tasks that read input topics; the others process what these send them. */
  readonly hasInput: boolean
}

/** A clock that stands still: whatever waits for the clock waits for the next start. */
const NO_TIME: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  yield: () => Promise.resolve(),
}

/*
 * Runs a plan over its input once more, all tasks in one place and with the real task code.
 *
 * 1. The order is a function of the input alone: of all heads the record with the smallest timestamp goes next, ties by
 *    task; what it sends through repartition topics is processed before the next one. So the same input gives the same rows.
 * 2. No clock: wall-clock punctuators never fire. Windows that the application had closed are closed by closeUpTo().
 * 3. Nothing is written anywhere but to the stores it was given, onOutput and onChangelog. Dead letters and idle ticks
 *    were written when the records were first processed.
 */
export class Rebuild {
  readonly metrics = new ThreadMetrics()
  readonly #options: RebuildOptions
  readonly #epochs: Epochs
  readonly #collector: OutputCollector
  readonly #tasks: RebuildTask[] = []
  readonly #readers = new Map<string, RebuildTask>()
  /** Next offset of each repartition partition. */
  readonly #ends = new Map<string, number>()
  readonly #outputTopics: ReadonlySet<string>
  /** For each input partition: where to stop, and how far it has been fed. */
  readonly #targets = new Map<string, number>()
  readonly #positions = new Map<string, number>()
  readonly #stirred = new Set<RebuildTask>()

  private constructor(options: RebuildOptions) {
    this.#options = options
    this.#outputTopics = outputTopicsOf(options.plan)
    for (const span of options.input) {
      this.#targets.set(partitionKey(span), Math.max(span.from, span.to))
      this.#positions.set(partitionKey(span), span.from)
    }
    const batch: OutputBatch = {
      records: 0,
      bytes: 0,
      append: (topic, partition, key, value, timestamp, headers) =>
        this.#route({ topic, partition }, key, value, timestamp, headers),
    }
    this.#epochs = new Epochs(() => batch)
    this.#collector = new OutputCollector(this.#epochs, new Map(options.partitions))
  }

  /** @throws StreamsTopologyError for plans with global tables: they are not rebuilt */
  static async open(options: RebuildOptions): Promise<Rebuild> {
    if (options.plan.globalStores.length > 0) {
      throw new StreamsTopologyError('a topology with global tables cannot be replayed')
    }
    const caller = options.plan.subtopologies.flatMap(({ nodes }) => nodes).find(makesCalls)
    if (caller !== undefined) {
      throw new StreamsTopologyError(
        `a topology that makes calls cannot be replayed: the answers that ${caller.name} got are not recorded`,
      )
    }
    const rebuild = new Rebuild(options)
    try {
      for (const id of options.taskIds) await rebuild.#open(id)
    } catch (error) {
      await rebuild.close()
      throw error
    }
    return rebuild
  }

  /** The part of the input that is still to be read. */
  get missing(): readonly InputSpan[] {
    return this.#options.input.map(({ topic, partition }) => {
      const at = partitionKey({ topic, partition })
      return { topic, partition, from: this.#positions.get(at) ?? 0, to: this.#targets.get(at) ?? 0 }
    })
  }

  /** Adds to the input and never removes any. */
  extend(input: readonly InputSpan[]): void {
    for (const { topic, partition, to } of input) {
      const name = partitionKey({ topic, partition })
      const from = this.#positions.get(name) ?? 0
      this.#targets.set(name, Math.max(to, this.#targets.get(name) ?? 0))
      this.feed({ topic, partition, from, records: [], bytes: 0, position: from, endOffset: to })
    }
  }

  /** Takes read records, and leaves those beyond the target for later. */
  feed(fetched: FetchedPartition): void {
    const name = partitionKey(fetched)
    const to = this.#targets.get(name) ?? 0
    const records = fetched.records.filter(({ offset }) => offset < to)
    const position = Math.min(fetched.position, to)
    this.#readers.get(name)?.task.add({ ...fetched, records, position, endOffset: to })
    this.#positions.set(name, Math.max(position, this.#positions.get(name) ?? 0))
  }

  /** Bytes read and not yet processed, of a partition. */
  bufferedBytes(at: TopicPartition): number {
    return this.#readers.get(partitionKey(at))?.task.queues.find((queue) => isSame(queue, at))?.bytes ?? 0
  }

  /**
   * Processes up to `limit` input records, fewer when some partition has to be read first. Returns how many.
   * @throws PoisonedRecordError: note it, and begin again with empty stores
   */
  process(limit: number): number {
    let count = 0
    this.#drain()
    while (count < limit) {
      const next = this.#next()
      if (next === null) break
      count += next.task.process(1)
      this.#drain()
    }
    return count
  }

  /** Everything up to the targets is processed. */
  get isDone(): boolean {
    return this.#tasks.every(({ task }) => task.queues.every((queue) => queue.isCaughtUp))
  }

  /** Changed rows that are not in the backends yet, bytes. */
  get dirtyBytes(): number {
    return this.#tasks.flatMap(({ stores }) => stores).reduce((sum, { store }) => sum + store.dirtyBytes(), 0)
  }

  /** Raises stream time to at least that, as an idle tick does, for tasks that hold results back; `-1` leaves a task alone. */
  closeUpTo(timeOf: (taskId: string) => number): void {
    this.#flush()
    for (const { task } of this.#tasks) {
      const time = timeOf(task.id)
      if (time < 0) continue
      task.advanceStreamTime(time)
      this.#drain()
    }
  }

  /** Flushes caches and writes all rows to the backends. */
  async commit(): Promise<void> {
    this.#flush()
    for (const { task, stores } of this.#tasks) {
      for (const { store, changelogTopic } of stores) {
        if (store.dirtyEntries() === 0) continue
        store.freeze((key, value, timestamp, headers) => {
          if (changelogTopic === null) return
          const at = { topic: changelogTopic, partition: task.partition }
          this.#options.onChangelog(at, Buffer.from(key, 'latin1'), value, timestamp, headers)
        })
        await store.settle(0)
      }
    }
    this.#epochs.next()
  }

  /** Offsets and metadata as a commit would hold them now; of repartition topics the metadata alone counts. */
  captureOffsets(): readonly CommittedOffset[] {
    return this.#tasks.flatMap(({ task }) => task.captureOffsets())
  }

  async close(): Promise<void> {
    for (const { task, stores } of this.#tasks.splice(0)) {
      task.closeProcessors()
      await closeStores(stores)
    }
  }

  async #open(id: string): Promise<void> {
    const { plan, partitions, input, config, poisoned } = this.#options
    const { partition } = parseTaskId(id)
    const taskStores = new TaskStores(plan, this.#options.openStore)
    const subtopology = taskStores.subtopology(id)
    const sources = [...subtopology.sourceTopics]
      .sort()
      .filter((topic) => partition < (partitions.get(topic) ?? 0))
      .map((topic): TaskSource => {
        const position = input.find((span) => isSame(span, { topic, partition }))?.from ?? 0
        return { topic, partition, position, partitionTime: -1, isCommitted: false }
      })
    const { idleTicks } = subtopology
    const task = new StreamTask({
      subtopology,
      partition,
      taskCount: taskCountOf(subtopology.sourceTopics, partitions),
      sources,
      collector: this.#collector,
      clock: NO_TIME,
      metrics: this.metrics,
      config,
      poisoned,
      ...(idleTicks && { ticks: { ticks: [], end: this.#options.tickEnd({ topic: idleTicks.topic, partition }) } }),
    })
    const stores = await taskStores.open(id, task)
    const hasInput = sources.some((source) => input.some((span) => isSame(span, source)))
    const opened = { task, stores, hasInput }
    this.#tasks.push(opened)
    task.start(stores.map(({ store }) => store))
    for (const source of sources) {
      this.#readers.set(partitionKey(source), opened)
      const { position } = source
      const endOffset = this.#targets.get(partitionKey(source)) ?? 0
      task.add({ topic: source.topic, partition, from: position, records: [], bytes: 0, position, endOffset })
    }
  }

  /** Invariant 1; null when some partition must be read before it is known, or nothing is left. */
  #next(): RebuildTask | null {
    let next: RebuildTask | null = null
    let smallest = Number.POSITIVE_INFINITY
    for (const one of this.#tasks) {
      if (!one.hasInput) continue
      if (!one.task.isProcessable) {
        if (one.task.queues.some((queue) => queue.isEmpty && !queue.isCaughtUp)) return null
        continue
      }
      const { nextTimestamp } = one.task
      if (nextTimestamp >= smallest) continue
      smallest = nextTimestamp
      next = one
    }
    return next
  }

  /** Processes what went through repartition topics; where input comes before it, that is left to process(). */
  #drain(): void {
    for (const one of this.#stirred) {
      this.#stirred.delete(one)
      if (!one.hasInput) one.task.process(Number.POSITIVE_INFINITY)
      else while (this.#isLoopNext(one.task)) one.task.process(1)
    }
  }

  #isLoopNext(task: StreamTask): boolean {
    const next = task.isProcessable ? task.nextRecord : null
    return next !== null && !this.#targets.has(partitionKey(next))
  }

  /** One cache may hold back what another forwards, so this repeats until nothing moves any more. */
  #flush(): void {
    for (let sent = -1; sent !== this.#sent; ) {
      sent = this.#sent
      for (const { task } of this.#tasks) {
        task.flush()
        this.#drain()
      }
    }
  }

  get #sent(): number {
    let sum = 0
    for (const end of this.#ends.values()) sum += end
    return sum
  }

  #route(
    at: TopicPartition,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    const name = partitionKey(at)
    const reader = this.#readers.get(name)
    if (reader !== undefined && !this.#targets.has(name)) {
      const offset = this.#ends.get(name) ?? 0
      this.#ends.set(name, offset + 1)
      const record = { offset, key: bufferOf(key), value: bufferOf(value), timestamp, headers }
      const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
      const position = offset + 1
      reader.task.add({ ...at, from: offset, records: [record], bytes, position, endOffset: position })
      this.#stirred.add(reader)
    } else if (this.#outputTopics.has(at.topic)) this.#options.onOutput(at, key, value, timestamp, headers)
  }
}

function outputTopicsOf({ subtopologies }: Plan): ReadonlySet<string> {
  const names = new Set<string>()
  for (const node of subtopologies.flatMap(({ nodes }) => nodes)) {
    if (node.type === 'sink' && typeof node.topic === 'string') names.add(node.topic)
  }
  return names
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}

function makesCalls(node: PlanNode): boolean {
  return node.type === 'processor' && node.makesCalls === true
}
