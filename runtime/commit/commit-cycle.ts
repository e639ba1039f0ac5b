import { toSerialized } from '../../state/keys/binary-key.ts'
import { ChangelogRefusedError, ProductionError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommittedOffset, EndPositions, GroupMetadata, LogAdmin, LogWriter } from '../ports/log.ts'
import type { OpenTask } from '../restore/task-opener.ts'
import type { BadRecords } from '../task/bad-records.ts'
import type { StreamTask } from '../task/stream-task.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import type { EpochSize } from './epoch-size.ts'
import { type Epoch, endPosition, type OutputCollector } from './output-collector.ts'

/*
 * Owns the two epochs of a stream thread: the live one that processing fills, and the one in flight.
 *
 * A commit, step by step:
 *   1. flush     caching stores forward what they hold back, in topological order (sinks append, stores change)
 *   2. capture   offsets of everything processed so far
 *   3. freeze    live layers become frozen; every changed row is serialised once into the changelog batch
 *   4. commit    outputs, dead letters, changelog and offsets in one transaction (LogWriter)
 *   5. settle    frozen rows + changelog position go to each backend in one atomic batch, queries see them
 * Steps 1-3 are one synchronous block: no record is processed between them. During 4 and 5 processing fills the next epoch.
 *
 * 1. At most one commit is in flight; nothing of the live epoch is sent before it has settled.
 * 2. A store is written only after the transaction is known to be committed (architecture 1, 2).
 * 3. After a failed or unknown outcome the cycle is broken: whoever owns it throws both layers away (architecture 3).
 */
export interface CommitCycleOptions {
  readonly writer: LogWriter
  readonly admin: LogAdmin
  readonly collector: OutputCollector
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly group: () => GroupMetadata | null
  readonly size: EpochSize
  /** Told before committed rows become visible, in the same step. */
  readonly onVisible: () => void
  /** Rung when a commit has settled or failed. */
  readonly onSettled: () => void
  /** Told of those that a settled commit has dealt with. */
  readonly onBadRecords?: ((bad: BadRecords) => void) | undefined
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'in-flight'; readonly done: Promise<void> }
  | { readonly type: 'broken'; readonly error: unknown }

/** Timestamps of some of the processed records, each standing for `weight` of them. */
export interface LatencySample {
  readonly timestamp: number
  readonly weight: number
}

export class CommitCycle {
  readonly #options: CommitCycleOptions
  #state: State = { type: 'idle' }
  /** Clock.monotonic() of the last begin. */
  lastBegin = Number.NEGATIVE_INFINITY

  constructor(options: CommitCycleOptions) {
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#state.type === 'idle'
  }

  get isInFlight(): boolean {
    return this.#state.type === 'in-flight'
  }

  /** @throws the error that broke the cycle, as EpochSize judges it */
  check(): void {
    if (this.#state.type === 'broken') throw this.#state.error
  }

  /** Forgets a broken commit, after both layers were dropped and the writer was initialised again. */
  reset(): void {
    this.#state = { type: 'idle' }
  }

  /**
   * Steps 1-3 now, 4 and 5 in the background. Must be idle.
   * @throws what EpochSize makes of a ProductionError, when what is flushed, or a row, cannot be written;
   * nothing is in flight then
   */
  begin(tasks: Iterable<OpenTask>, latencies: readonly LatencySample[]): void {
    const { clock, size } = this.#options
    this.lastBegin = clock.monotonic()
    size.begin()
    try {
      this.#begin(tasks, latencies)
    } catch (error) {
      throw size.judge(error)
    }
  }

  #begin(tasks: Iterable<OpenTask>, latencies: readonly LatencySample[]): void {
    const offsets: CommittedOffset[] = []
    const frozen: FrozenStore[] = []
    const captured: StreamTask[] = []
    for (const open of tasks) {
      captured.push(open.task)
      open.task.flush()
      offsets.push(...open.task.captureOffsets())
      for (const { store, changelogTopic } of open.stores) {
        if (store.dirtyEntries() === 0) continue
        this.#freeze(store, changelogTopic, open.task.partition)
        frozen.push({ store, changelogTopic, partition: open.task.partition })
      }
    }
    const epoch = this.#options.collector.take()
    if (epoch.batch.records === 0 && epoch.deferred.length === 0 && offsets.length === 0 && frozen.length === 0) return
    const done = this.#complete(epoch, offsets, frozen, latencies).then(
      () => {
        for (const task of captured) task.settled()
        this.#state = { type: 'idle' }
        this.#options.onSettled()
      },
      (error: unknown) => {
        this.#state = { type: 'broken', error: this.#options.size.judge(error) }
        this.#options.onSettled()
      },
    )
    this.#state = { type: 'in-flight', done }
  }

  #freeze(store: ManagedStore, changelogTopic: string | null, partition: number): void {
    const { collector } = this.#options
    let row = ''
    try {
      store.freeze((key, value, timestamp, headers) => {
        if (changelogTopic === null) return
        row = key
        collector.append(changelogTopic, partition, toSerialized(key), value, timestamp, headers)
      })
    } catch (cause) {
      if (!(cause instanceof ProductionError)) throw cause
      throw new ChangelogRefusedError(store.name, cause.topic, `the row with the key ${shownKey(row)}`, { cause })
    }
  }

  /** Waits until nothing is in flight. @throws the error that broke the cycle */
  async settled(): Promise<void> {
    while (this.#state.type === 'in-flight') await this.#state.done
    this.check()
  }

  async #complete(
    epoch: Epoch,
    offsets: readonly CommittedOffset[],
    frozen: readonly FrozenStore[],
    latencies: readonly LatencySample[],
  ): Promise<void> {
    const { writer, admin, collector, clock, metrics, group } = this.#options
    const started = clock.monotonic()
    await collector.resolveDeferred(epoch, (topics) => admin.describeTopics(topics))
    const changelogs = new Set(frozen.flatMap(({ changelogTopic }) => changelogTopic ?? []))
    let positions: EndPositions
    try {
      positions = await writer.commit({ batch: epoch.batch, offsets, group, changelogs })
    } catch (error) {
      throw ofChangelog(error, frozen) ?? error
    }
    this.#options.onVisible()
    await Promise.all(
      frozen.map(({ store, changelogTopic, partition }) => {
        const end = changelogTopic === null ? undefined : endPosition(positions, changelogTopic, partition)
        return store.settle(end ?? store.position() ?? 0, clock.now())
      }),
    )
    metrics.commits++
    metrics.commitSeconds.observe((clock.monotonic() - started) / 1000)
    metrics.batchRecords.observe(epoch.batch.records)
    for (const [topic, records] of epoch.recordsByTopic) metrics.recordsProduced.add(topic, records)
    for (const [label, records] of epoch.deadLetters) metrics.deadLetters.add(label, records)
    for (const [reason, records] of epoch.dropped) metrics.dropped.add(reason, records)
    if (epoch.badRecords.first.length > 0) this.#options.onBadRecords?.(epoch.badRecords)
    const now = clock.now()
    for (const { timestamp, weight } of latencies) {
      metrics.endToEnd.observe(Math.max(0, now - timestamp) / 1000, weight)
    }
  }
}

interface FrozenStore {
  readonly store: ManagedStore
  readonly changelogTopic: string | null
  readonly partition: number
}

/** The broker refused a row: which one it does not say. */
function ofChangelog(error: unknown, frozen: readonly FrozenStore[]): ChangelogRefusedError | null {
  if (!(error instanceof ProductionError)) return null
  const owner = frozen.find(({ changelogTopic }) => changelogTopic === error.topic)
  return owner === undefined
    ? null
    : new ChangelogRefusedError(owner.store.name, error.topic, 'a row', { cause: error })
}

/** Storage keys are binary strings; shown as text where they are one. */
function shownKey(key: string): string {
  const text = Buffer.from(key, 'latin1').toString('utf8')
  const isText = !/\p{Cc}|\ufffd/u.test(text)
  const shown = isText ? JSON.stringify(text) : `0x${Buffer.from(key, 'latin1').toString('hex')}`
  return shown.length <= MAX_SHOWN_KEY ? shown : `${shown.slice(0, MAX_SHOWN_KEY)}...`
}

const MAX_SHOWN_KEY = 200
