import { ProductionError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { CommittedOffset, EndPositions, OutputBatch } from '../ports/log.ts'
import { BadRecordList } from '../task/bad-records.ts'
import type { TaskRecord } from '../task/poisoned-records.ts'
import type { OpenStore } from '../task/task-stores.ts'
import { LabelledCounter, type ThreadMetrics } from '../thread/thread-metrics.ts'
import { FrozenStore } from './frozen-store.ts'

/** An output record that waits until the number of its topic's partitions is known. */
export interface Deferred {
  readonly topic: string
  /** Chooses the partition, or several, when the count is known. */
  readonly choose: (count: number) => number | readonly number[]
  readonly key: Serialized | null
  readonly value: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

/** A task, as a commit sees it. */
interface CommittingTask {
  readonly partition: number
  /** Makes caching stores forward what they hold back. */
  flush(): void
  captureOffsets(hasEffects: boolean): readonly CommittedOffset[]
  /** The captured offsets are committed and visible. */
  settled(): void
}

/** Timestamp of one processed record, which stands for `weight` of them. */
interface LatencySample {
  readonly timestamp: number
  readonly weight: number
}

/*
 * Owns everything that one commit of a stream thread carries: outputs, changelog rows, dead letters and offsets, how much input they
 * stand for, and what metrics and log say of them.
 * 1. An epoch is live, then frozen, then settled. Or it is thrown away, and then nothing of it shows anywhere, in no counter either.
 * 2. Only a live epoch takes new work. freeze() is one synchronous block, so offsets, rows and outputs are of the same records.
 * 3. A record whose topic's partition count is not known waits in `deferred`, and all later ones of the epoch for that topic wait
 *    behind it: order per partition is kept.
 * 4. `record` is set only when the epoch had room for one more step: the one record that is to blame if nothing else is in it.
 */
export class Epoch {
  readonly batch: OutputBatch
  /** Steps it has room for. */
  readonly maxSteps: number
  /** Records, punctuations and idle ticks: whatever can have written something. */
  steps = 0
  record: TaskRecord | null = null
  /** Records that were processed; those that were left out do not count. */
  processed = 0
  /** Bytes of the input that was processed or left out. */
  inputBytes = 0
  /** A processor asked for a commit. */
  commitRequested = false
  /** A processor asked for a commit if the thread keeps up. */
  isAwaited = false
  readonly offsets: CommittedOffset[] = []
  readonly recordsByTopic = new LabelledCounter()
  /** Dead letters by `source topic\u0000reason`. */
  readonly deadLetters = new LabelledCounter()
  /** Bad records that were only counted, by reason. */
  readonly dropped = new LabelledCounter()
  readonly badRecords = new BadRecordList()
  readonly #latencies: LatencySample[] = []
  readonly #deferred: Deferred[] = []
  readonly #deferredTopics = new Set<string>()
  #deferredBytes = 0
  readonly #tasks: CommittingTask[] = []
  readonly #frozen: FrozenStore[] = []

  constructor(batch: OutputBatch, maxSteps: number) {
    this.batch = batch
    this.maxSteps = maxSteps
  }

  /** Bytes of the input it stands for, and of the output it holds. */
  get bytes(): number {
    return this.inputBytes + this.batch.bytes + this.#deferredBytes
  }

  /** Steps it may still take. */
  get room(): number {
    return this.maxSteps - this.steps
  }

  get hasOutput(): boolean {
    return this.batch.records > 0 || this.#deferred.length > 0
  }

  /** A frozen epoch holds nothing to commit. */
  get isEmpty(): boolean {
    return !this.hasOutput && this.offsets.length === 0 && this.#frozen.length === 0
  }

  get deferred(): readonly Deferred[] {
    return this.#deferred
  }

  /** Changelogs it has rows for. */
  get changelogs(): ReadonlySet<string> {
    return new Set(this.#frozen.flatMap(({ changelogTopic }) => changelogTopic ?? []))
  }

  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    this.batch.append(topic, partition, key, value, timestamp, headers)
    this.recordsByTopic.add(topic)
  }

  defer(record: Deferred): void {
    this.#deferred.push(record)
    this.#deferredTopics.add(record.topic)
    this.#deferredBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    for (const { key, value } of record.headers) this.#deferredBytes += key.length + (value?.length ?? 0)
  }

  /** Invariant 3. */
  waitsFor(topic: string): boolean {
    return this.#deferredTopics.size > 0 && this.#deferredTopics.has(topic)
  }

  /** @param record the one step, when there was room for no other */
  addSteps(steps: number, record: TaskRecord | null): void {
    if (steps === 0) return
    this.steps += steps
    this.record = record
  }

  /** One of the processed records stands for the latency of `weight` of them. */
  sampleLatency(timestamp: number, weight: number): void {
    if (weight > 0 && timestamp >= 0) this.#latencies.push({ timestamp, weight })
  }

  /**
   * Takes all that the tasks have done since the last epoch (invariant 2).
   * @throws ProductionError (a ChangelogRefusedError where it is a row), UserCodeError when what is flushed, or a row, cannot be written
   */
  freeze(tasks: Iterable<{ readonly task: CommittingTask; readonly stores: readonly OpenStore[] }>): void {
    for (const { task, stores } of tasks) {
      this.#tasks.push(task)
      task.flush()
      const hasEffects = this.hasOutput || stores.some(({ store }) => store.dirtyEntries() > 0)
      this.offsets.push(...task.captureOffsets(hasEffects))
      for (const open of stores) {
        if (open.store.dirtyEntries() === 0) continue
        const frozen = new FrozenStore(open, task.partition)
        frozen.freeze(this)
        this.#frozen.push(frozen)
      }
    }
  }

  /** The broker refused the batch: which row it was it does not say, but the topic may be a store's changelog. */
  refused(error: unknown): unknown {
    if (!(error instanceof ProductionError)) return error
    return this.#frozen.find(({ changelogTopic }) => changelogTopic === error.topic)?.refused(error) ?? error
  }

  /** It is committed: its rows go to the backends and become visible. @param now epoch ms */
  async settleRows(positions: EndPositions, now: number): Promise<void> {
    await Promise.all(this.#frozen.map((frozen) => frozen.settle(positions, now, this.offsets)))
  }

  /** Its rows are visible, so the records they come from are, too. */
  settleOffsets(): void {
    for (const task of this.#tasks) task.settled()
  }

  /** Counts what a settled epoch held. @param now epoch ms */
  count(metrics: ThreadMetrics, now: number): void {
    metrics.commits++
    metrics.batchRecords.observe(this.batch.records)
    metrics.recordsProduced.addAll(this.recordsByTopic)
    metrics.deadLetters.addAll(this.deadLetters)
    metrics.dropped.addAll(this.dropped)
    for (const { timestamp, weight } of this.#latencies) {
      metrics.endToEnd.observe(Math.max(0, now - timestamp) / 1000, weight)
    }
  }
}
