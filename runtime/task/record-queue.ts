import type { Headers } from '../../state/ports/headers.ts'
import { keptHeaders, type Serde } from '../../state/ports/serde.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import { MAX_TIMESTAMP } from '../../state/ports/timestamp.ts'
import type { SourceNode } from '../../topology/plan.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import type { FetchedPartition, LogRecord, TopicPartition } from '../ports/log.ts'
import { badTimestamp, type InputStep, inputError } from './source-errors.ts'

/*
 * Owns what is fetched and not yet processed of one source partition.
 * 1. Records leave in offset order, each once.
 * 2. Only the head is deserialised. A head with a fault stays the head until pop(), goes before all others, and never counts for
 *    stream time. A fault is whatever a serde, the check or the timestamp extractor throws, and a time that is none: what is compared
 *    is always a whole number of ms.
 * 3. position() is the offset a commit may store: everything below is processed, dead-lettered or dropped.
 * 4. Each call looks at one record: a long run of faulty records takes as many steps as a run of good ones.
 */

/** Reason why a record must not be processed. */
export type HeadFault =
  /** It could not be deserialised or checked. */
  | { readonly type: 'invalid'; readonly error: unknown }
  /** It is only counted, under that reason. */
  | { readonly type: 'dropped'; readonly reason: string }

export class RecordQueue {
  readonly topic: string
  readonly partition: number
  readonly source: SourceNode
  /** Greatest timestamp that left this queue, -1 before the first (Kafka Streams' partition time). */
  partitionTime = -1
  /** Last stable offset as of the last fetch; -1 before the first answer. */
  endOffset = -1
  /** Offsets after the last stable offset as of the last fetch, held back by open transactions. */
  heldBack = 0
  /** Bytes held. */
  bytes = 0
  /** Size attributed to the head: the mean of the records fetched with it, so that no record must be measured. */
  headBytes = 0
  /** The head as it was fetched; null when the queue is empty. */
  headRaw: LogRecord | null = null
  /** The deserialised head; null when the queue is empty or the head has a fault. */
  head: StreamRecord<unknown, unknown> | null = null
  headFault: HeadFault | null = null
  /** Timestamp of the head, by which the task chooses. +Infinity when the queue is empty, -Infinity when the head has a fault. */
  headTimestamp = Number.POSITIVE_INFINITY

  readonly #chunks: FetchedPartition[] = []
  #index = 0
  #fetchedPosition: number

  constructor(source: SourceNode, from: TopicPartition & { position: number; partitionTime: number }) {
    this.source = source
    this.topic = from.topic
    this.partition = from.partition
    this.#fetchedPosition = from.position
    this.partitionTime = from.partitionTime
  }

  get isEmpty(): boolean {
    return this.headRaw === null
  }

  /** True when nothing is buffered and the log is known to hold nothing more for now. */
  get isCaughtUp(): boolean {
    return this.headRaw === null && this.endOffset >= 0 && this.#fetchedPosition >= this.endOffset
  }

  /** Offsets between position and last stable offset. */
  get lag(): number {
    return Math.max(0, this.endOffset - this.position())
  }

  /** Next offset to process, as a commit stores it. */
  position(): number {
    return this.headRaw === null ? this.#fetchedPosition : this.headRaw.offset
  }

  /**
   * Takes what continues where the last fetch ended (invariant 1). An answer to an older assignment may still be on its
   * way: what it repeats is cut off, and one that leaves a gap is ignored, because the reader stands before the gap.
   */
  add(next: FetchedPartition): void {
    const expected = this.#fetchedPosition
    if (next.from > expected || next.position < expected) return
    const fetched =
      next.from === expected ? next : { ...next, records: next.records.filter(({ offset }) => offset >= expected) }
    this.#fetchedPosition = fetched.position
    this.endOffset = fetched.endOffset
    this.heldBack = fetched.heldBack ?? 0
    if (fetched.records.length === 0) return
    this.#chunks.push(fetched)
    this.bytes += fetched.bytes
    if (this.headRaw === null) this.#advance()
  }

  /** The fetched records that are not processed yet, for a queue that goes on in this one's place. */
  get rest(): FetchedPartition {
    const { topic, partition, headRaw, bytes, endOffset } = this
    const [first, ...others] = this.#chunks
    const behind = [...(first?.records.slice(this.#index) ?? []), ...others.flatMap(({ records }) => records)]
    const records = headRaw === null ? [] : [headRaw, ...behind]
    return { topic, partition, from: this.position(), records, bytes, position: this.#fetchedPosition, endOffset }
  }

  /** Removes the head (there must be one) and deserialises the next. */
  pop(): void {
    if (this.headTimestamp > this.partitionTime) this.partitionTime = this.headTimestamp
    this.#advance()
  }

  #advance(): void {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const raw = chunk.records[this.#index]
      if (raw !== undefined) {
        if (this.#index === 0) this.headBytes = chunk.bytes / chunk.records.length
        this.#index++
        this.headRaw = raw
        this.#deserialize(raw)
        return
      }
      this.bytes -= chunk.bytes
      this.#index = 0
      this.#chunks.shift()
    }
    this.headRaw = null
    this.#setHead(null, null, Number.POSITIVE_INFINITY)
  }

  #deserialize(raw: LogRecord): void {
    const { source, topic } = this
    let key: unknown
    let value: unknown
    let { headers, timestamp } = raw
    let step: InputStep = 'key'
    try {
      if (raw.failure !== undefined) throw raw.failure
      key = answerOf('deserialize()', readKey(source.keySerde, topic, raw, headers))
      step = 'value'
      value = answerOf('deserialize()', readValue(source.valueSerde, topic, raw, headers))
      headers = keptHeaders(source, headers)
      if (source.check !== undefined) {
        step = 'check'
        headers = answerOf('it', source.check({ topic, key, value, timestamp, headers })) ?? headers
      }
      step = 'timestamp'
      if (source.timestampExtractor !== undefined) {
        timestamp = source.timestampExtractor({ key, value, timestamp, topic }, this.partitionTime)
      }
      if (!Number.isInteger(timestamp) || timestamp > MAX_TIMESTAMP) throw badTimestamp(source, timestamp)
    } catch (error) {
      const fault = inputError(source, topic, step, error)
      this.#setHead(null, { type: 'invalid', error: fault }, Number.NEGATIVE_INFINITY)
      return
    }
    if (timestamp < 0 && source.takesAnyTime !== true) {
      this.#setHead(null, { type: 'dropped', reason: 'negative-timestamp' }, Number.NEGATIVE_INFINITY)
      return
    }
    this.#setHead(record(key, value, timestamp, headers), null, timestamp)
  }

  #setHead(head: StreamRecord<unknown, unknown> | null, fault: HeadFault | null, timestamp: number): void {
    this.head = head
    this.headFault = fault
    this.headTimestamp = timestamp
  }
}

const REPLACEMENT = '\ufffd'

function readKey(serde: Serde<unknown>, topic: string, raw: LogRecord, headers: Headers): unknown {
  if (serde.deserializeText !== undefined && raw.keyText !== undefined) {
    const text = raw.keyText()
    if (text === null) return null
    // A text of one-byte characters is searched very quickly.
    if (!text.includes(REPLACEMENT)) return serde.deserializeText(topic, text, headers)
  }
  return raw.key === null ? null : serde.deserialize(topic, raw.key, headers)
}

function readValue(serde: Serde<unknown>, topic: string, raw: LogRecord, headers: Headers): unknown {
  if (serde.deserializeIn !== undefined && raw.bytes !== undefined) {
    const { bytes, valueStart = 0, valueEnd = -1 } = raw
    return valueEnd < valueStart ? null : serde.deserializeIn(topic, bytes, valueStart, valueEnd, headers)
  }
  if (serde.deserializeText !== undefined && raw.valueText !== undefined) {
    const text = raw.valueText()
    if (text === null) return null
    if (!text.includes(REPLACEMENT)) return serde.deserializeText(topic, text, headers)
  }
  return raw.value === null ? null : serde.deserialize(topic, raw.value, headers)
}
