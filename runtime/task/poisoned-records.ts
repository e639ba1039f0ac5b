import { messageOf, type RecordDescription, StreamsError } from '../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../state/ports/topic-partition.ts'
import type { TopicPartition } from '../ports/log.ts'

/** A place where something failed: a record's partition, or one of the calls that come from its records. */
export interface Place extends TopicPartition {
  /** Node of the call, and which of the record's calls it is. */
  readonly call?: string | undefined
}

/** The place of a record. */
export interface RecordPlace extends Place {
  readonly offset: number
}

/** A record's place and the task that reads it. */
export interface TaskRecord extends RecordPlace {
  readonly taskId: string
}

/** A record's place and its description for log lines. */
export interface FailedRecord extends RecordPlace {
  readonly taskId?: string
  readonly description?: RecordDescription
  /** Node of the topology that threw. */
  readonly node?: string
}

/**
 * A processor threw, or its output cannot be written, while it worked on this record, and the handler lets the task continue.
 * Discard the epoch, open the tasks again, and skip the record when it comes again.
 */
export class PoisonedRecordError extends StreamsError {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly call: string | undefined
  /** For the log. */
  readonly taskId: string | undefined
  readonly description: RecordDescription

  constructor({ topic, partition, offset, call, node, taskId, description = {} }: FailedRecord, cause: unknown) {
    const where = node === undefined ? '' : ` in ${node}`
    super(
      'POISONED_RECORD',
      `offset ${offset} of ${partitionName({ topic, partition })}${where}: ${messageOf(cause)}`,
      { cause },
    )
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.call = call
    this.taskId = taskId
    this.description = description
  }
}

/*
 * Owns the records that made a processor throw, or whose output cannot be written.
 * 1. Half of a record's effects are never committed (architecture 2, 7): what it did until it threw is dropped with its epoch, and
 *    in the replay it becomes a dead letter (or is dropped) before any processor sees it. So a poisoned record costs one replay of
 *    an epoch, and needs no undo in stores and outputs.
 * 2. A record stays here until the tasks are opened beyond it, so a second poisoned record of one epoch cannot bring
 *    back the first. A call stays until its end is committed.
 */
export class PoisonedRecords {
  readonly #causes = new Map<string, Map<number, unknown>>()

  add({ topic, partition, offset, call, cause }: PoisonedRecordError): void {
    const key = placeKey({ topic, partition, call })
    const causes = this.#causes.get(key) ?? new Map<number, unknown>()
    this.#causes.set(key, causes.set(offset, cause))
  }

  /** True when no record is poisoned: the common case, checked per record. */
  get isEmpty(): boolean {
    return this.#causes.size === 0
  }

  /** The error of the record, or null. */
  cause(at: Place, offset: number): { readonly error: unknown } | null {
    const causes = this.#causes.get(placeKey(at))
    return causes?.has(offset) === true ? { error: causes.get(offset) } : null
  }

  has(place: RecordPlace): boolean {
    return this.cause(place, place.offset) !== null
  }

  /** The record shall be processed again. */
  forget(at: Place, offset: number): void {
    const key = placeKey(at)
    const causes = this.#causes.get(key)
    causes?.delete(offset)
    if (causes?.size === 0) this.#causes.delete(key)
  }

  /** Forgets records below the offset, because everything there is committed. */
  forgetBelow(at: TopicPartition, offset: number): void {
    const key = partitionKey(at)
    const causes = this.#causes.get(key)
    if (causes === undefined) return
    for (const poisoned of causes.keys()) if (poisoned < offset) causes.delete(poisoned)
    if (causes.size === 0) this.#causes.delete(key)
  }
}

function placeKey(at: Place): string {
  return at.call === undefined ? partitionKey(at) : `${partitionKey(at)}\u0000${at.call}`
}
