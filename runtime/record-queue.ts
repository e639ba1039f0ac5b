import type { Serde } from '../state/ports/serde.ts'
import type { SourceNode } from '../topology/plan.ts'
import { record, type StreamRecord } from '../topology/record.ts'
import type { FetchedPartition, LogRecord, TopicPartition } from './ports/log.ts'

/*
 * Owns what is fetched and not yet processed of one source partition.
 * 1. Records leave in offset order, each once.
 * 2. Only the head is deserialised; a head that fails goes to `onInvalid` and never counts for stream time.
 * 3. position() is the offset a commit may store: everything below is processed or dead-lettered.
 */

/** A record that could not be deserialised or checked. Throws to stop the task, returns when it was dealt with. */
export type InvalidRecordHandler = (queue: RecordQueue, raw: LogRecord, error: unknown) => void

export class RecordQueue {
  readonly topic: string
  readonly partition: number
  readonly source: SourceNode
  /** Greatest timestamp that left this queue, -1 before the first (Kafka Streams' partition time). */
  partitionTime = -1
  /** Last stable offset as of the last fetch; -1 before the first answer. */
  endOffset = -1
  /** Bytes held. */
  bytes = 0
  /** Bytes that the head stands for: the mean of what was fetched with it, so that nobody has to look at it. */
  headBytes = 0
  /** The deserialised head and where it came from; null when empty. */
  head: StreamRecord<unknown, unknown> | null = null
  headRaw: LogRecord | null = null
  /** Head's timestamp, +Infinity when empty: what the task compares. */
  headTimestamp = Number.POSITIVE_INFINITY

  readonly #onInvalid: InvalidRecordHandler
  readonly #onDropped: (reason: string) => void
  #chunks: FetchedPartition[] = []
  #chunk = 0
  #index = 0
  #fetchedPosition: number

  constructor(
    source: SourceNode,
    from: TopicPartition & { position: number; partitionTime: number },
    onInvalid: InvalidRecordHandler,
    onDropped: (reason: string) => void,
  ) {
    this.source = source
    this.topic = from.topic
    this.partition = from.partition
    this.#fetchedPosition = from.position
    this.partitionTime = from.partitionTime
    this.#onInvalid = onInvalid
    this.#onDropped = onDropped
  }

  get isEmpty(): boolean {
    return this.head === null
  }

  /** True when nothing is buffered and the log is known to hold nothing more for now. */
  get isCaughtUp(): boolean {
    return this.head === null && this.endOffset >= 0 && this.#fetchedPosition >= this.endOffset
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
    if (fetched.records.length === 0) return
    this.#chunks.push(fetched)
    this.bytes += fetched.bytes
    if (this.head === null) this.#advance()
  }

  /** Removes the head (there must be one) and deserialises the next. */
  pop(): void {
    if (this.headTimestamp > this.partitionTime) this.partitionTime = this.headTimestamp
    this.#advance()
  }

  #advance(): void {
    for (;;) {
      const chunk = this.#chunks[this.#chunk]
      if (chunk === undefined) {
        this.#chunks = []
        this.#chunk = 0
        this.#setHead(null, null)
        return
      }
      const raw = chunk.records[this.#index]
      if (this.#index === 0) this.headBytes = chunk.bytes / chunk.records.length
      if (raw === undefined) {
        this.bytes -= chunk.bytes
        this.#chunk++
        this.#index = 0
        continue
      }
      this.#index++
      if (this.#deserialize(raw)) return
    }
  }

  #deserialize(raw: LogRecord): boolean {
    const { source, topic } = this
    let key: unknown
    let value: unknown
    let headers = raw.headers
    try {
      key = readKey(source.keySerde, topic, raw)
      value = readValue(source.valueSerde, topic, raw)
      if (source.check !== undefined) {
        headers = source.check({ topic, key, value, timestamp: raw.timestamp, headers }) ?? headers
      }
    } catch (error) {
      this.#onInvalid(this, raw, error)
      return false
    }
    let timestamp = raw.timestamp
    if (source.timestampExtractor !== undefined) {
      timestamp = source.timestampExtractor({ key, value, timestamp, topic }, this.partitionTime)
    }
    if (timestamp < 0) {
      this.#onDropped('negative-timestamp')
      return false
    }
    this.#setHead(raw, record(key, value, timestamp, headers))
    return true
  }

  #setHead(raw: LogRecord | null, head: StreamRecord<unknown, unknown> | null): void {
    this.headRaw = raw
    this.head = head
    this.headTimestamp = head === null ? Number.POSITIVE_INFINITY : head.timestamp
  }
}

const REPLACEMENT = '\ufffd'

function readKey(serde: Serde<unknown>, topic: string, raw: LogRecord): unknown {
  if (serde.deserializeText !== undefined && raw.keyText !== undefined) {
    const text = raw.keyText()
    if (text === null) return null
    // A text of one-byte characters is searched in no time.
    if (!text.includes(REPLACEMENT)) return serde.deserializeText(topic, text)
  }
  return raw.key === null ? null : serde.deserialize(topic, raw.key)
}

function readValue(serde: Serde<unknown>, topic: string, raw: LogRecord): unknown {
  if (serde.deserializeText !== undefined && raw.valueText !== undefined) {
    const text = raw.valueText()
    if (text === null) return null
    if (!text.includes(REPLACEMENT)) return serde.deserializeText(topic, text)
  }
  return raw.value === null ? null : serde.deserialize(topic, raw.value)
}
