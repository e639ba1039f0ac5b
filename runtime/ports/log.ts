import type { InvalidRecordError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import type { TopicPartition } from '../../state/ports/topic-partition.ts'

/*
 * The log of partitions with transactions, as the runtime needs it. Implemented by infra/kafka and by the
 * in-memory log. Offsets are JS numbers: exact to 2^53, and cheap.
 */

export type { TopicPartition }

/** One record as fetched. Buffers are views into the response. */
export interface LogRecord {
  readonly offset: number
  /** Epoch ms. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
  /** Why the record cannot be read: it is there, and what it holds is not. Whoever takes keys or values looks at this first. */
  readonly failure?: InvalidRecordError
  /** Key and value decoded as UTF-8, U+FFFD where they are none; for those who make no view of the bytes. */
  keyText?(): string | null
  valueText?(): string | null
}

/** The answer of a poll for one partition: records in offset order, possibly none while the position still moved. */
export interface FetchedPartition extends TopicPartition {
  /** Position this fetch continued from: the position of the fetch before, or of assign(). */
  readonly from: number
  readonly records: readonly LogRecord[]
  /** Bytes held by the records. */
  readonly bytes: number
  /** Offset the next poll reads from: behind records, aborted data and markers. */
  readonly position: number
  /** Last stable offset: position < it means more committed or abortable data is there. */
  readonly endOffset: number
  /** Offsets from there to the high watermark: an open transaction holds them back. Default 0. */
  readonly heldBack?: number
}

/**
 * Reads committed records only (read_committed). Per partition, strictly in offset order, each offset once.
 * One long poll per broker is kept in flight behind the caller's back; held bytes are bounded.
 */
export interface LogReader {
  /** Starts (or moves) reading a partition from that offset. Data fetched for an older position is dropped. */
  assign(partition: TopicPartition, position: number): void
  unassign(partition: TopicPartition): void
  /** Paused partitions are not fetched; what is held stays held. */
  pause(partition: TopicPartition): void
  resume(partition: TopicPartition): void
  /**
   * Resolves as soon as some assigned partition has news (records, position or end offset moved), or after
   * maxWaitMs with []. Throws OffsetOutOfRangeError for a partition whose position is gone; retriable
   * broker errors are retried inside.
   */
  poll(maxWaitMs: number): Promise<readonly FetchedPartition[]>
  close(): Promise<void>
}

/**
 * Output of one epoch in the making. `append` encodes at once and synchronously. Strings are UTF-8. It throws RecordTooLargeError, and
 * appends nothing, when the record is known to be larger than its topic allows.
 */
export interface OutputBatch {
  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void
  /** Records and encoded bytes so far. */
  readonly records: number
  readonly bytes: number
}

/** Identity of the group member the offsets are committed for. */
export interface GroupMetadata {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly groupInstanceId: string | null
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number
  /** Opaque string kept with the offset (partition time). */
  readonly metadata: string
}

export interface CommitRequest {
  readonly batch: OutputBatch
  readonly offsets: readonly CommittedOffset[]
  /** Read again when the generation moved on mid-commit. null once the member lost its tasks. */
  readonly group: () => GroupMetadata | null
  /** Topics in the batch that restore stores. Without transactions they are written when everything else is acknowledged. */
  readonly changelogs?: ReadonlySet<string>
}

/** Offset behind the last record written to each partition of the batch. Key: `partitionKey`. */
export type EndPositions = ReadonlyMap<string, number>

/**
 * The one writer of a stream thread. Transactional under exactly_once_v2, idempotent with plain offset
 * commits (acknowledged outputs, then changelogs, then offsets) under at_least_once. Commits never overlap.
 *
 * Errors: FencedError (this instance is dead: a newer one took its id), CommitFailedError (nothing of
 * the commit is visible: aborted), CommitUnknownError (may or may not be visible), ProductionError (the broker will not take
 * what is to be written, and nothing of the commit is visible; without transactions some of it may be). After any of
 * them the writer must be initialised again before the next commit.
 */
export interface LogWriter {
  /**
   * Fences older sessions of the same transactional id and aborts their open transaction; again after any failure. Fails with a
   * RetriableError when brokers have not answered for `timeoutMs` (default: the writer's own limit).
   */
  init(timeoutMs?: number): Promise<void>
  newBatch(): OutputBatch
  commit(request: CommitRequest): Promise<EndPositions>
  close(): Promise<void>
}

export interface TopicDescription {
  readonly name: string
  /** Changes when a topic of the same name is created again. */
  readonly id: string
  readonly partitions: number
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

export interface LogAdmin {
  /** Only existing topics are in the answer. */
  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>>
  /**
   * Creates missing topics; a topic that exists already is fine. Resolves when metadata of all is usable.
   * @throws StreamsConfigError when the brokers refuse count, replication or settings
   */
  createTopics(topics: readonly NewTopic[]): Promise<void>
  /**
   * Stable committed offsets (OffsetFetch requireStable, retried while unstable); absent = none committed. With `stable` false
   * those of the last commit, whatever is pending.
   */
  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    options?: { readonly stable?: boolean },
  ): Promise<readonly CommittedOffset[]>
  /** High watermark (not the last stable offset). */
  highWatermarks(partitions: readonly TopicPartition[]): Promise<readonly number[]>
  earliestOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]>
  /**
   * Settings in force, the broker's own among them: topic -> name -> value. Topics whose settings we may not see, or that do not exist,
   * are not in the answer.
   */
  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>
  /** Changes these settings of a topic and leaves the others. @throws StreamsConfigError when the brokers refuse */
  changeTopicSettings(topic: string, settings: Readonly<Record<string, string>>): Promise<void>
  /** Deletes records below the given offsets (purge of repartition topics). */
  deleteRecords(offsets: ReadonlyArray<TopicPartition & { offset: number }>): Promise<void>
}
