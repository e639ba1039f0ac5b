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
  /** Reason why the record cannot be read, though it is in the log. Code that uses key or value checks this first. */
  readonly failure?: InvalidRecordError
  /** Key and value decoded as UTF-8, with U+FFFD for invalid bytes; for callers that need no view of the bytes. */
  keyText?(): string | null
  valueText?(): string | null
  /** The value where it is, for those who make no view: `[valueStart, valueEnd)` of `bytes`. An end before its start: null. */
  readonly bytes?: Buffer
  readonly valueStart?: number
  readonly valueEnd?: number
}

/** The result of a poll for one partition: records in offset order, possibly none although the position moved. */
export interface FetchedPartition extends TopicPartition {
  /** Position where this fetch continued: the position of the previous fetch, or of assign(). */
  readonly from: number
  readonly records: readonly LogRecord[]
  /** Bytes held by the records. */
  readonly bytes: number
  /** Offset that the next poll reads from: after records, aborted data and markers. */
  readonly position: number
  /** Last stable offset: position < it means more committed or abortable data is there. */
  readonly endOffset: number
  /** Number of offsets from there to the high watermark: an open transaction holds them back. Default 0. */
  readonly heldBack?: number
}

/**
 * Reads committed records only (read_committed). Per partition it returns them strictly in offset order, each offset once. It
 * keeps one long poll per broker in flight, and bounds the bytes it holds.
 */
export interface LogReader {
  /** Starts (or moves) reading a partition from that offset. Data fetched for an older position is dropped. */
  assign(partition: TopicPartition, position: number): void
  unassign(partition: TopicPartition): void
  /** Paused partitions are not fetched; their fetched records are kept. */
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
 * The output of one epoch under construction. `append` encodes at once and synchronously. Strings are UTF-8. It throws
 * RecordTooLargeError, and appends nothing, when the record is known to be larger than its topic allows.
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
  /** Read again when the generation moved on during a commit. null once the member lost its tasks. */
  readonly group: () => GroupMetadata | null
  /** Topics of the batch that restore stores. Without transactions they are written after everything else is acknowledged. */
  readonly changelogs?: ReadonlySet<string>
}

/** Offset after the last record written to each partition of the batch. Key: `partitionKey`. */
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
   * Fences older sessions of the same transactional id and aborts their open transaction. Call it again after any failure. Fails
   * with a RetriableError when brokers have not answered for `timeoutMs` (default: the writer's own limit).
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
   * Stable committed offsets (OffsetFetch requireStable, retried while unstable); absent = none committed. With `stable` false it
   * returns those of the last commit, whatever is pending.
   */
  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    options?: { readonly stable?: boolean },
  ): Promise<readonly CommittedOffset[]>
  /** High watermark (not the last stable offset). */
  highWatermarks(partitions: readonly TopicPartition[]): Promise<readonly number[]>
  /** Where the committed records end: at the first open transaction, or at the high watermark. */
  lastStableOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]>
  earliestOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]>
  /**
   * Settings in force, the broker's own included: topic -> name -> value. The answer omits topics that do not exist, or whose
   * settings we may not see.
   */
  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>
  /** Changes these settings of a topic and leaves the others. @throws StreamsConfigError when the brokers refuse */
  changeTopicSettings(topic: string, settings: Readonly<Record<string, string>>): Promise<void>
  /** Deletes records below the given offsets (purge of repartition topics). */
  deleteRecords(offsets: ReadonlyArray<TopicPartition & { offset: number }>): Promise<void>
}
