import { setTimeout as sleep } from 'node:timers/promises'
import {
  appendLetter,
  deadLetterHeaders,
  deadLetterPartition,
  deadLetterReason,
  type GroupMembership,
  type LogAdmin,
  type LogReader,
  type LogRecord,
  type LogWriter,
  type TaskPartitions,
  type TopicPartition,
} from '../../runtime/index.ts'
import {
  CommitFailedError,
  CommitUnknownError,
  deferred,
  InvalidRecordError,
  messageOf,
  OffsetOutOfRangeError,
  partitionKey,
  RetriableError,
  StreamsError,
} from '../../state/index.ts'
import { type ConsumableTopic, type Consumed, consumedOf } from './consumed.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import { type Outcome, PartitionWork, type WorkOptions } from './partition-work.ts'
import { Slots } from './slots.ts'

/** The consumer has stopped by itself: look at the cause, and open another one. */
export class ConsumerStoppedError extends StreamsError {
  constructor(groupId: string, cause: unknown) {
    super('CONSUMER_STOPPED', `the consumer of group ${groupId} has stopped: ${messageOf(cause)}`, { cause })
  }
}

/** Some handler did not end in the time that close() had: its record will be handled again. */
export class CloseTimeoutError extends StreamsError {
  constructor(groupId: string, timeoutMs: number) {
    super('CLOSE_TIMEOUT', `a handler of group ${groupId} did not end within ${timeoutMs} ms: its record comes again`)
  }
}

/** The consumer owns all of these from now on. */
export interface ConsumerParts {
  readonly membership: GroupMembership
  readonly reader: LogReader
  /** Without transactions. */
  readonly writer: LogWriter
  readonly admin: LogAdmin
  /** One task for each partition. */
  readonly tasks: readonly TaskPartitions[]
  /** The topic of dead letters, and how many partitions it has. */
  readonly deadLetters: { readonly topic: string; readonly partitions: number }
  /** How long a rebalance waits for handlers, ms; and then again how long it, or close(), tries to commit. Default 30,000. */
  readonly revokeMs?: number
  /** Closes what the parts share. */
  readonly close: () => Promise<void>
}

const REVOKE_MS = 30_000

/*
 * A member of a consumer group that hands each record to a handler, at least once.
 * 1. Records of a partition are handled in offset order, one at a time. A record whose handler is done is not handled again by this
 *    member while it has the partition.
 * 2. An offset is committed when everything before it is handled, or written to the topic of dead letters.
 * 3. A partition is given back when its record at hand is done and its offsets are committed; only then may another member get it. It
 *    does not wait for ever: after revokeMs the record does not count, and its handler's signal fires.
 * 4. Partitions that are lost (expelled, cut off) are dropped: nothing of them is committed. One that comes back waits for all its
 *    former handlers, and the others do not wait with it.
 * 5. Commits never overlap, and none is sent in the name of a generation whose partitions were lost.
 * 6. A position that the group had no offset for is committed as if records had led there: where it began is known ever after.
 */
export class EventConsumer<T extends ConsumableTopic = ConsumableTopic> {
  /** Resolves when the consumer is closed. Rejects with ConsumerStoppedError when it has stopped by itself. */
  readonly closed: Promise<void>
  readonly #settings: ConsumerSettings<T>
  readonly #parts: ConsumerParts
  readonly #slots: Slots
  readonly #revokeMs: number
  readonly #works = new Map<string, PartitionWork>()
  /** The end of handlers whose partitions were taken away, by task. */
  readonly #ending = new Map<string, Promise<void>>()
  readonly #options: WorkOptions
  #committing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  /** Times that partitions were lost. */
  #losses = 0
  #isReady = false
  #state: 'running' | 'closing' | 'ended' = 'running'
  #polling: Promise<void> = Promise.resolve()
  #closing: Promise<void> | null = null
  readonly #end = deferred<void>()
  /** A commit that fails is repeated until then: a rebalance, or close(), waits for it. */
  #commitsUntil = Number.POSITIVE_INFINITY

  constructor(settings: ConsumerSettings<T>, parts: ConsumerParts) {
    this.#settings = settings
    this.#parts = parts
    this.#slots = new Slots(settings.concurrency ?? 8)
    this.#revokeMs = parts.revokeMs ?? REVOKE_MS
    this.closed = this.#end.promise
    this.#options = {
      handle: (work, record) => this.#handle(work, record),
      onProgress: () => this.#commitSoon(),
      onDrained: ({ partition }) => parts.reader.resume(partition),
      onFailure: (error) => void this.#fail(error),
    }
  }

  /** Partitions that this member has now. */
  get assigned(): readonly TopicPartition[] {
    return [...this.#works.values()].map(({ partition }) => partition)
  }

  /** Joins the group. Resolves with the first assignment. Throws what the group refuses the member for. */
  async start(): Promise<void> {
    const { membership } = this.#parts
    try {
      await membership.join({
        report: async () => ({ active: [...this.#works.keys()], lags: {} }),
        onAssigned: ({ active }) => this.#assign(active),
        onLost: () => this.#lose(),
        onFatal: (error) => void this.#fail(error),
      })
    } catch (error) {
      this.#state = 'ended'
      await this.#parts.close()
      throw error
    }
    this.#polling = this.#poll()
  }

  /**
   * Finishes the records at hand, commits and leaves the group. Throws CloseTimeoutError when a handler takes longer, with all else
   * done; and ConsumerStoppedError when the consumer had stopped before.
   */
  close({ timeoutMs = 30_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#state === 'ended') return await this.closed
    this.#state = 'closing'
    const stopped = Promise.all([...this.#works.values()].map((work) => work.stop()))
    const isLate = !(await isDoneWithin(timeoutMs, stopped))
    this.#commitsUntil = performance.now() + this.#revokeMs
    try {
      await this.#commit()
      await this.#parts.membership.leave()
    } catch (error) {
      // The caller of close() is told.
      this.closed.catch(() => undefined)
      await this.#fail(error)
      return await this.closed
    }
    if (isLate) this.#drop()
    await this.#finish()
    this.#end.resolve()
    if (isLate) throw new CloseTimeoutError(this.#settings.groupId, timeoutMs)
  }

  /** Ends at once: nothing is committed any more. */
  async #fail(error: unknown): Promise<void> {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#drop()
    this.#end.reject(new ConsumerStoppedError(this.#settings.groupId, error))
    await this.#finish()
  }

  async #finish(): Promise<void> {
    this.#state = 'ended'
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#parts.close()
    await this.#polling
  }

  /** Invariant 4. */
  #drop(): void {
    this.#losses++
    for (const work of this.#works.values()) this.#abandon(work)
  }

  /** Nothing that its handler still does counts. The next work at the partition waits for that handler. */
  #abandon(work: PartitionWork): void {
    const { taskId, partition } = work
    this.#parts.reader.unassign(partition)
    this.#works.delete(taskId)
    const ended: Promise<void> = Promise.all([this.#ending.get(taskId), work.lose()]).then(() => {
      if (this.#ending.get(taskId) === ended) this.#ending.delete(taskId)
    })
    this.#ending.set(taskId, ended)
  }

  async #assign(active: readonly string[]): Promise<void> {
    const kept = new Set(active)
    const revoked = [...this.#works.values()].filter(({ taskId }) => !kept.has(taskId))
    if (revoked.length > 0) await this.#revoke(revoked)
    if (this.#state !== 'running') return
    const added = this.#parts.tasks.filter(({ taskId }) => kept.has(taskId) && !this.#works.has(taskId))
    const works = added.flatMap(({ taskId, partitions }) =>
      partitions.map((partition) => new PartitionWork(taskId, partition, this.#options)),
    )
    for (const work of works) this.#works.set(work.taskId, work)
    const isFree = ({ taskId }: PartitionWork): boolean => !this.#ending.has(taskId)
    const alone = works.filter((work) => !isFree(work)).map((work) => [work])
    for (const group of [works.filter(isFree), ...alone]) {
      this.#open(group).catch((error: unknown) => this.#fail(error))
    }
  }

  /** Partitions whose offsets cannot be committed in time are lost: whoever gets them handles some records again. */
  async #revoke(revoked: readonly PartitionWork[]): Promise<void> {
    await isDoneWithin(this.#revokeMs, Promise.all(revoked.map((work) => work.stop())))
    this.#commitsUntil = performance.now() + this.#revokeMs
    try {
      await this.#commit()
    } catch (error) {
      if (!isPassing(error)) throw error
    } finally {
      for (const work of revoked) if (this.#works.get(work.taskId) === work) this.#abandon(work)
      // One that has begun meanwhile may name these partitions.
      await this.#committing
      if (this.#state === 'running') this.#commitsUntil = Number.POSITIVE_INFINITY
    }
  }

  async #open(works: readonly PartitionWork[]): Promise<void> {
    const { admin, reader } = this.#parts
    await Promise.all(works.map(({ taskId }) => this.#ending.get(taskId)))
    const isWanted = (work: PartitionWork): boolean => !work.stopped.aborted && this.#works.get(work.taskId) === work
    const partitions = works.filter(isWanted).map(({ partition }) => partition)
    if (partitions.length === 0) return
    const found = await admin.committedOffsets(this.#settings.groupId, partitions)
    const committed = new Map(found.map((one) => [partitionKey(one), one.offset]))
    const fresh = partitions.filter((partition) => !committed.has(partitionKey(partition)))
    const firsts = await this.#begins(fresh)
    const begins = new Map(fresh.map((partition, i) => [partitionKey(partition), firsts[i] ?? 0]))
    for (const work of works.filter(isWanted)) {
      const key = partitionKey(work.partition)
      const offset = committed.get(key) ?? null
      const position = offset ?? begins.get(key) ?? 0
      work.begin(position, offset)
      reader.assign(work.partition, position)
    }
    if (fresh.length > 0) this.#commitSoon()
  }

  #begins(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    const { admin } = this.#parts
    if (partitions.length === 0) return Promise.resolve([])
    return this.#settings.from === 'latest' ? admin.lastStableOffsets(partitions) : admin.earliestOffsets(partitions)
  }

  async #lose(): Promise<void> {
    this.#drop()
    await this.#committing
  }

  async #poll(): Promise<void> {
    const { reader } = this.#parts
    while (this.#state === 'running') {
      try {
        for (const { topic, partition, records, position } of await reader.poll(500)) {
          const work = this.#workOf({ topic, partition })
          if (work === undefined) continue
          if (records.length > 0) reader.pause({ topic, partition })
          work.add(records, position)
        }
      } catch (error) {
        if (this.#state !== 'running') return
        if (!(error instanceof OffsetOutOfRangeError)) return void this.#fail(error)
        await this.#skipLost(error).catch((failure: unknown) => void this.#fail(failure))
      }
    }
  }

  #workOf(partition: TopicPartition): PartitionWork | undefined {
    const key = partitionKey(partition)
    return [...this.#works.values()].find((work) => partitionKey(work.partition) === key)
  }

  /** Records were removed before they were read. */
  async #skipLost({ topic, partition }: OffsetOutOfRangeError): Promise<void> {
    const [position = 0] = await this.#begins([{ topic, partition }])
    const work = this.#workOf({ topic, partition })
    if (work === undefined) return
    this.#settings.onLostRecords?.({ topic, partition, from: work.next ?? 0, to: position })
    work.skipTo(position)
    this.#parts.reader.assign(work.partition, position)
    this.#commitSoon()
  }

  async #handle(work: PartitionWork, record: LogRecord): Promise<Outcome> {
    const { attempts = 5, backoffMs = 200, maxBackoffMs = 10_000 } = this.#settings.retry ?? {}
    const { onRetry, onDeadLetter, handle } = this.#settings
    const source = work.partition
    for (let attempt = 1; ; attempt++) {
      let error: unknown
      try {
        const consumed = consumedOf(source, record) as Consumed<T>
        const isDone = await this.#slots.run(work.stopped, () => handle(consumed, { attempt, signal: work.lost }))
        return isDone ? 'handled' : null
      } catch (thrown) {
        error = thrown
      }
      if (work.lost.aborted) return null
      const failed = { ...source, offset: record.offset, attempt, reason: deadLetterReason(error), error }
      if (error instanceof InvalidRecordError || attempt >= attempts) {
        onDeadLetter?.(failed)
        return { source, record, error }
      }
      onRetry?.(failed)
      const waitMs = Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1)) * (0.75 + Math.random() * 0.25)
      await sleep(waitMs, undefined, { signal: work.stopped }).catch(() => undefined)
      if (work.stopped.aborted) return null
    }
  }

  #commitSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#commit().catch((error: unknown) => {
        // A rebalance had no more time for it, and the other partitions have.
        if (isPassing(error)) this.#commitSoon()
        else void this.#fail(error)
      })
    }, this.#settings.commitIntervalMs ?? 500)
  }

  /** Commits what is done now, after the commit that may be on its way. */
  #commit(): Promise<void> {
    const commit = this.#committing.then(() => this.#commitNow())
    this.#committing = commit.catch(() => undefined)
    return commit
  }

  async #commitNow(): Promise<void> {
    const { membership, writer } = this.#parts
    const losses = this.#losses
    const group = () => (losses === this.#losses ? membership.current() : null)
    for (let waitMs = 50; ; waitMs = Math.min(1000, waitMs * 2)) {
      const works = [...this.#works.values()].filter((work) => work.isUncommitted)
      if (works.length === 0 || group() === null) return
      try {
        if (!this.#isReady) await writer.init(30_000)
        this.#isReady = true
        const batch = writer.newBatch()
        const parts = works.map((work) => ({ work, next: work.next ?? 0, failed: work.failed.length }))
        for (const { failed } of works) for (const letter of failed) this.#append(batch, letter)
        const offsets = parts.map(({ work, next }) => ({ ...work.partition, offset: next, metadata: '' }))
        await writer.commit({ batch, offsets, group })
        for (const { work, next, failed } of parts) work.committed(next, failed)
        return
      } catch (error) {
        this.#isReady = false
        if (group() === null) return
        if (!isPassing(error) || performance.now() > this.#commitsUntil) throw error
        await sleep(waitMs)
      }
    }
  }

  #append(
    batch: ReturnType<LogWriter['newBatch']>,
    { source, record, error }: Exclude<Outcome, 'handled' | null>,
  ): void {
    const { topic, partitions } = this.#parts.deadLetters
    const partition = deadLetterPartition(source, record, partitions)
    appendLetter(batch, { topic, partition }, record, deadLetterHeaders(source, record, error))
  }
}

/** Another commit may succeed. */
function isPassing(error: unknown): boolean {
  return error instanceof CommitUnknownError || error instanceof CommitFailedError || error instanceof RetriableError
}

/** False: the time is over, and the work is not. */
async function isDoneWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false)
  const isDone = await Promise.race([work.then(() => true), late])
  timer.abort()
  return isDone
}
