import type { FetchedPartition, LogRecord, TopicPartition } from '../../runtime/ports/log.ts'
import { checkBatches } from './checked-batches.ts'
import type { FetchAnswerPartition } from './fetch-codec.ts'
import { RecordDecoder } from './record-batch-decoder.ts'

/*
 * One assigned partition of a reader: where it is, and what has been fetched but not handed out.
 * 1. #position only grows while assigned; held data starts at #position and is handed out before anything behind it.
 * 2. assign() makes a new cursor: an answer to a request of the older one is dropped.
 * 3. A cursor with held data is not fetched, so at most one answer is held per partition. It is handed out in parts: what waits
 *    as bytes is not copied by the garbage collector.
 * 4. It is read from its leader, or from the replica that the leader named as nearer, for some minutes or until that fails (KIP-392).
 */
const PART_BYTES = 64 * 1024

/** How long a replica is read before the leader is asked again which one is nearest, ms: metadata.max.age.ms of Kafka's consumer. */
const REPLICA_LIFE_MS = 300_000

/** Damage of a record batch. */
export interface Damage {
  /** Where it is expected to begin. */
  readonly offset: number
  readonly reason: string
}

export class PartitionCursor implements TopicPartition {
  readonly topic: string
  readonly partition: number
  paused = false
  /** A request for it is on its way. */
  inFlight = false
  /** Reason why nothing is fetched any longer, until it is assigned again. */
  failure: Error | null = null
  #position: number
  #endOffset = -1
  #reportedEndOffset = -1
  #heldBack = 0
  #reportedHeldBack = 0
  #held: RecordDecoder | null = null
  #badAnswers = 0
  #replica = -1
  #replicaUntil = 0

  constructor({ topic, partition }: TopicPartition, position: number) {
    this.topic = topic
    this.partition = partition
    this.#position = position
  }

  get position(): number {
    return this.#position
  }

  get fetchable(): boolean {
    return !this.paused && !this.inFlight && this.#held === null && this.failure === null
  }

  /** Node id of the nearer replica to read from; -1: the leader. */
  get replica(): number {
    if (this.#replica >= 0 && performance.now() > this.#replicaUntil) this.#replica = -1
    return this.#replica
  }

  /** Reads from that replica from now on; -1: from the leader. */
  readFrom(replica: number): void {
    this.#replica = replica
    this.#replicaUntil = performance.now() + REPLICA_LIFE_MS
  }

  /**
   * There is something to return: records, a moved position, a moved end offset, or a changed number of uncommitted offsets after
   * it.
   */
  get hasNews(): boolean {
    if (this.paused) return false
    const hasMoved = this.#endOffset !== this.#reportedEndOffset || this.#heldBack !== this.#reportedHeldBack
    return this.#held !== null || hasMoved
  }

  get holdsData(): boolean {
    return this.#held !== null
  }

  /** Counts an answer without data that asks for another try; returns how many there were in a row. */
  noteBadAnswer(): number {
    return ++this.#badAnswers
  }

  /** Accepts the valid batches of an answer that was requested from #position; returns the damage of the next batch, or null. */
  accept(answer: FetchAnswerPartition, readCommitted: boolean): Damage | null {
    this.#endOffset = readCommitted ? answer.lastStableOffset : answer.highWatermark
    this.#heldBack = Math.max(0, answer.highWatermark - this.#endOffset)
    const { end, position, damage } = checkBatches(answer.records, this.#position, answer.highWatermark)
    if (end > 0) {
      const records = end === answer.records.length ? answer.records : answer.records.subarray(0, end)
      this.#held = new RecordDecoder(records, this.#position, readCommitted ? answer.aborted : null)
    }
    if (damage === null || end > 0) this.#badAnswers = 0
    return damage === null ? null : { offset: position, reason: damage }
  }

  /** Decodes and returns a part of the held data, and moves the position past it. */
  take(): FetchedPartition {
    const from = this.#position
    const before = this.#held?.heldBytes ?? 0
    return this.#fetched(from, this.#held?.next(PART_BYTES) ?? [], before)
  }

  /** The next records are in a batch that takes long to decompress: call takeLarge(). */
  get isLarge(): boolean {
    return this.#held?.isLarge === true
  }

  async takeLarge(): Promise<FetchedPartition> {
    const from = this.#position
    const before = this.#held?.heldBytes ?? 0
    return this.#fetched(from, (await this.#held?.nextLarge()) ?? [], before)
  }

  #fetched(from: number, records: LogRecord[], heldBefore: number): FetchedPartition {
    const held = this.#held
    const bytes = (held?.heldBytes ?? 0) - heldBefore
    if (held) this.#position = held.position
    if (held?.isDone) this.#held = null
    this.#reportedEndOffset = this.#endOffset
    this.#reportedHeldBack = this.#heldBack
    return {
      topic: this.topic,
      partition: this.partition,
      records,
      bytes,
      from,
      position: this.#position,
      endOffset: Math.max(this.#endOffset, 0),
      heldBack: this.#heldBack,
    }
  }
}
