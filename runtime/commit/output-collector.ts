import { messageOf, ProductionError, RecordTooLargeError, UserCodeError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { checkedSerialized, type Serialized, serdeName } from '../../state/ports/serde.ts'
import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { SinkNode, TopicExtractor } from '../../topology/plan.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { EndPositions, LogRecord, OutputBatch, TopicPartition } from '../ports/log.ts'
import { type BadRecord, BadRecordList, type BadRecords } from '../task/bad-records.ts'
import { cutLetters, deadLetterHeaders, deadLetterReason } from '../task/dead-letter.ts'
import { partitionForKey } from '../task/partitioner.ts'

/*
 * Owns the output of the live epoch of one stream thread.
 * 1. Everything appended between two take() calls goes into one commit, in order per partition.
 * 2. A value is serialised at the moment it is sent, for each destination: its owner may change it afterwards.
 * 3. Records for a topic whose partition count is not known yet wait in `deferred`, and all later ones of the epoch for
 *    that topic behind them: order per partition is kept.
 */

interface Deferred {
  readonly topic: string
  /** Chooses the partition when the count is known. */
  readonly choose: (count: number) => number
  readonly key: Serialized | null
  readonly value: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

/** One epoch's output, on its way into a commit. */
export interface Epoch {
  readonly batch: OutputBatch
  readonly deferred: readonly Deferred[]
  readonly recordsByTopic: Map<string, number>
  /** Dead letters by `source topic\u0000reason`. */
  readonly deadLetters: ReadonlyMap<string, number>
  /** Bad records that were only counted, by reason. */
  readonly dropped: ReadonlyMap<string, number>
  readonly badRecords: BadRecords
}

/** topic -> partition count, filled up as topics appear. */
export interface PartitionCounts {
  get(topic: string): number | undefined
  set(topic: string, partitions: number): unknown
}

export class OutputCollector {
  readonly #newBatch: () => OutputBatch
  readonly #partitions: PartitionCounts
  #batch: OutputBatch
  #deferred: Deferred[] = []
  readonly #deferredTopics = new Set<string>()
  #deferredBytes = 0
  #recordsByTopic = new Map<string, number>()
  #deadLetters = new Map<string, number>()
  #dropped = new Map<string, number>()
  #badRecords = new BadRecordList()
  #sticky = 0

  constructor(newBatch: () => OutputBatch, partitions: PartitionCounts) {
    this.#newBatch = newBatch
    this.#partitions = partitions
    this.#batch = newBatch()
  }

  get bytes(): number {
    return this.#batch.bytes + this.#deferredBytes
  }

  get isEmpty(): boolean {
    return this.#batch.records === 0 && this.#deferred.length === 0
  }

  /**
   * A record arrived at a sink.
   * @throws ProductionError when it cannot be written: a serde throws, it is too large, or the topic's name is none
   * @throws UserCodeError when a function of the sink answers what cannot be used
   */
  send(sink: SinkNode, record: StreamRecord<unknown, unknown>): void {
    const headers = sink.headers === undefined ? record.headers : sinkHeaders(sink, record.headers)
    const topic = typeof sink.topic === 'string' ? sink.topic : sinkTopic(sink, sink.topic, record)
    const key = record.key === null ? null : serialized(sink, topic, 'key', record.key)
    const value = record.value === null ? null : serialized(sink, topic, 'value', record.value)
    const count = this.#knownCount(topic)
    if (count === undefined) {
      if (!TOPIC_NAME.test(topic)) throw new ProductionError(topic, `"${topic}" is no name of a topic`)
      const choose = (known: number): number => this.#partitionOf(sink, topic, record, key, known)
      this.#defer({ topic, choose, key, value, timestamp: record.timestamp, headers })
      return
    }
    this.append(topic, this.#partitionOf(sink, topic, record, key, count), key, value, record.timestamp, headers)
  }

  append(
    topic: string,
    partition: number,
    key: Serialized | null,
    value: Serialized | null,
    timestamp: number,
    headers: Headers,
  ): void {
    this.#batch.append(topic, partition, key, value, timestamp, headers)
    this.#recordsByTopic.set(topic, (this.#recordsByTopic.get(topic) ?? 0) + 1)
  }

  /**
   * The original record, with the error in headers (KIP-1034), for the dead letter topic. One that does not fit there is cut: the
   * headers say so, and where the whole one is.
   */
  deadLetter(topic: string, source: TopicPartition, raw: LogRecord, error: unknown): void {
    const headers = deadLetterHeaders(source, raw, error)
    const label = `${source.topic}\u0000${deadLetterReason(error)}`
    this.#deadLetters.set(label, (this.#deadLetters.get(label) ?? 0) + 1)
    const { key, value, timestamp } = raw
    const choose = (count: number): number => (key === null ? source.partition % count : partitionForKey(key, count))
    const count = this.#knownCount(topic)
    if (count === undefined) {
      this.#defer({ topic, choose, key, value, timestamp, headers })
      return
    }
    try {
      this.append(topic, choose(count), key, value, timestamp, headers)
    } catch (tooLarge) {
      if (!(tooLarge instanceof RecordTooLargeError)) throw tooLarge
      this.#cutLetter(topic, choose(count), raw, headers, tooLarge)
    }
  }

  #cutLetter(topic: string, partition: number, raw: LogRecord, headers: Headers, tooLarge: RecordTooLargeError): void {
    let failure = tooLarge
    for (const letter of cutLetters(raw, headers, tooLarge.bytes - tooLarge.maxBytes)) {
      try {
        this.append(topic, partition, letter.key, letter.value, raw.timestamp, letter.headers)
        return
      } catch (error) {
        if (!(error instanceof RecordTooLargeError)) throw error
        failure = error
      }
    }
    throw failure
  }

  /** A bad record goes nowhere. Counted with its epoch: a replay must not count it again. */
  drop(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }

  /** Told with its epoch, as it is counted. @param describe called only while few are kept */
  noteBad(describe: () => BadRecord): void {
    this.#badRecords.add(describe)
  }

  /** Ends the epoch: hands its output over and starts the next. */
  take(): Epoch {
    const epoch = {
      batch: this.#batch,
      deferred: this.#deferred,
      recordsByTopic: this.#recordsByTopic,
      deadLetters: this.#deadLetters,
      dropped: this.#dropped,
      badRecords: this.#badRecords,
    }
    this.discard()
    return epoch
  }

  /** Throws the live epoch's output away. */
  discard(): void {
    this.#batch = this.#newBatch()
    this.#deferred = []
    this.#deferredTopics.clear()
    this.#deferredBytes = 0
    this.#recordsByTopic = new Map()
    this.#deadLetters = new Map()
    this.#dropped = new Map()
    this.#badRecords = new BadRecordList()
  }

  /**
   * Invariant 3: writes what waited for partition counts into its epoch's batch.
   * @throws ProductionError when a topic does not exist
   */
  async resolveDeferred(
    epoch: Epoch,
    describe: (topics: readonly string[]) => Promise<ReadonlyMap<string, { partitions: number }>>,
  ): Promise<void> {
    if (epoch.deferred.length === 0) return
    const described = await describe([...new Set(epoch.deferred.map((record) => record.topic))])
    for (const [topic, { partitions }] of described) this.#partitions.set(topic, partitions)
    for (const { topic, choose, key, value, timestamp, headers } of epoch.deferred) {
      const count = described.get(topic)?.partitions
      if (count === undefined) throw new ProductionError(topic, `output topic ${topic} does not exist`)
      epoch.batch.append(topic, choose(count), key, value, timestamp, headers)
      epoch.recordsByTopic.set(topic, (epoch.recordsByTopic.get(topic) ?? 0) + 1)
    }
  }

  /** Invariant 3: undefined also while records of the topic wait. */
  #knownCount(topic: string): number | undefined {
    if (this.#deferredTopics.size > 0 && this.#deferredTopics.has(topic)) return undefined
    return this.#partitions.get(topic)
  }

  #defer(record: Deferred): void {
    this.#deferred.push(record)
    this.#deferredTopics.add(record.topic)
    this.#deferredBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    for (const { key, value } of record.headers) this.#deferredBytes += key.length + (value?.length ?? 0)
  }

  #partitionOf(
    sink: SinkNode,
    topic: string,
    record: StreamRecord<unknown, unknown>,
    key: Serialized | null,
    count: number,
  ): number {
    const chosen = sink.partitioner?.(topic, record.key, record.value, count)
    if (chosen === undefined) return this.#defaultPartition(key, count)
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < count) return chosen
    const partitioner = `the partitioner of ${sink.name}`
    if (isThenable(chosen)) throw refusedPromise(partitioner, chosen)
    throw new UserCodeError(`${partitioner} chose partition ${chosen} of ${topic}, which has ${count}`)
  }

  /** Null keys go round robin, one by one. */
  #defaultPartition(key: Serialized | null, count: number): number {
    return key === null ? this.#sticky++ % count : partitionForKey(key, count)
  }
}

/** As Kafka allows; "." and ".." are names of directories. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

function serialized(sink: SinkNode, topic: string, part: 'key' | 'value', given: unknown): Serialized {
  const serde = part === 'key' ? sink.keySerde : sink.valueSerde
  try {
    return checkedSerialized(serde.serialize(topic, given))
  } catch (cause) {
    const what = `sink ${sink.name}: ${serdeName(serde)} cannot serialise the ${part} of a record for ${topic}`
    throw new ProductionError(topic, `${what}: ${messageOf(cause)}`, { cause })
  }
}

function sinkHeaders({ name, headers }: SinkNode, given: Headers): Headers {
  const answer = headers?.(given)
  if (isThenable(answer)) throw refusedPromise(`the headers function of ${name}`, answer)
  return answer ?? given
}

function sinkTopic({ name }: SinkNode, extractor: TopicExtractor, record: StreamRecord<unknown, unknown>): string {
  const { key, value, timestamp, headers } = record
  const topic: unknown = extractor(key, value, { timestamp, headers })
  const who = `the topic extractor of ${name}`
  if (isThenable(topic)) throw refusedPromise(who, topic)
  if (typeof topic !== 'string') throw new UserCodeError(`${who} must answer the name of a topic, not ${String(topic)}`)
  return topic
}

/** Positions of a commit as the stores want them. */
export function endPosition(positions: EndPositions, topic: string, partition: number): number | undefined {
  return positions.get(partitionKey({ topic, partition }))
}
