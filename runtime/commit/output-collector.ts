import { messageOf, ProductionError, UserCodeError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { checkedSerialized, type Serialized, serdeName, writtenHeaders } from '../../state/ports/serde.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { SinkNode, TopicExtractor } from '../../topology/plan.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import { appendLetter, deadLetterHeaders, deadLetterPartition, deadLetterReason } from '../task/dead-letter.ts'
import { isPartition, partitionForKey } from '../task/partitioner.ts'
import type { Epoch } from './epoch.ts'
import type { Epochs } from './epochs.ts'

/** topic -> partition count, filled up as topics appear. */
export interface PartitionCounts {
  get(topic: string): number | undefined
  set(topic: string, partitions: number): unknown
}

/*
 * Encodes what tasks send and writes it into the live epoch of their stream thread.
 * 1. A value is serialised at the moment it is sent, for each destination: its owner may change it afterwards.
 */
export class OutputCollector {
  readonly epochs: Epochs
  readonly #partitions: PartitionCounts
  #nextPartition = 0

  constructor(epochs: Epochs, partitions: PartitionCounts) {
    this.epochs = epochs
    this.#partitions = partitions
  }

  /**
   * A record arrived at a sink.
   * @throws ProductionError when it cannot be written: a serde throws, it is too large, or the topic's name is none
   * @throws UserCodeError when a function of the sink answers what cannot be used
   */
  send(sink: SinkNode, record: StreamRecord<unknown, unknown>): void {
    const given = sink.headers === undefined ? record.headers : sinkHeaders(sink, record.headers)
    const topic = typeof sink.topic === 'string' ? sink.topic : sinkTopic(sink, sink.topic, record)
    const headers = serdeHeaders(sink, topic, record, given)
    const key = record.key === null ? null : serialized(sink, topic, 'key', record.key, headers)
    const value = record.value === null ? null : serialized(sink, topic, 'value', record.value, headers)
    const { live } = this.epochs
    const count = this.#knownCount(live, topic)
    if (count === undefined) {
      if (!TOPIC_NAME.test(topic)) throw new ProductionError(topic, `"${topic}" is not a valid topic name`)
      const choose = (known: number): number | readonly number[] => this.#partitionOf(sink, topic, record, key, known)
      live.defer({ topic, choose, key, value, timestamp: record.timestamp, headers })
      return
    }
    const chosen = this.#partitionOf(sink, topic, record, key, count)
    append(live, topic, chosen, key, value, record.timestamp, headers)
  }

  /**
   * The original record, with the error in headers (KIP-1034), for the dead letter topic. One that does not fit there is cut: the
   * headers say so, and where the whole one is.
   */
  deadLetter(topic: string, source: TopicPartition, raw: LogRecord, error: unknown): void {
    const headers = deadLetterHeaders(source, raw, error)
    const { live } = this.epochs
    live.deadLetters.add(`${source.topic}\u0000${deadLetterReason(error)}`)
    const choose = (count: number): number => deadLetterPartition(source, raw, count)
    const count = this.#knownCount(live, topic)
    if (count === undefined) {
      const { key, value, timestamp } = raw
      live.defer({ topic, choose, key, value, timestamp, headers })
      return
    }
    appendLetter(live, { topic, partition: choose(count) }, raw, headers)
  }

  /**
   * Writes what waited for partition counts into the batch of its epoch.
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
      append(epoch, topic, choose(count), key, value, timestamp, headers)
    }
  }

  /** Undefined when it is not known, or records of the epoch wait for it: theirs must not be overtaken. */
  #knownCount(epoch: Epoch, topic: string): number | undefined {
    return epoch.waitsFor(topic) ? undefined : this.#partitions.get(topic)
  }

  #partitionOf(
    sink: SinkNode,
    topic: string,
    record: StreamRecord<unknown, unknown>,
    key: Serialized | null,
    count: number,
  ): number | readonly number[] {
    const chosen = sink.partitioner?.(topic, record.key, record.value, count)
    if (chosen === undefined) return this.#defaultPartition(key, count)
    if (typeof chosen === 'number' ? isPartition(chosen, count) : isPartitions(chosen, count)) return chosen
    answerOf('the partitioner of', chosen, sink.name)
    throw new UserCodeError(`the partitioner of ${sink.name} chose partition ${chosen} of ${topic}, which has ${count}`)
  }

  /** Null keys go round robin, one by one. */
  #defaultPartition(key: Serialized | null, count: number): number {
    return key === null ? this.#nextPartition++ % count : partitionForKey(key, count)
  }
}

/** One record to each of the chosen partitions. */
function append(
  epoch: Epoch,
  topic: string,
  chosen: number | readonly number[],
  key: Serialized | null,
  value: Serialized | null,
  timestamp: number,
  headers: Headers,
): void {
  if (typeof chosen === 'number') epoch.append(topic, chosen, key, value, timestamp, headers)
  else for (const partition of chosen) epoch.append(topic, partition, key, value, timestamp, headers)
}

function isPartitions(chosen: unknown, count: number): boolean {
  return Array.isArray(chosen) && chosen.every((one) => isPartition(one, count))
}

/** Names that Kafka allows; "." and ".." are names of directories. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

function serialized(
  sink: SinkNode,
  topic: string,
  part: 'key' | 'value',
  given: unknown,
  headers: Headers,
): Serialized {
  const serde = part === 'key' ? sink.keySerde : sink.valueSerde
  try {
    return checkedSerialized(serde.serialize(topic, given, headers))
  } catch (cause) {
    const what = `sink ${sink.name}: ${serdeName(serde)} cannot serialise the ${part} of a record for ${topic}`
    throw new ProductionError(topic, `${what}: ${messageOf(cause)}`, { cause })
  }
}

/** The headers with those that the sink's serdes write. */
function serdeHeaders(
  sink: SinkNode,
  topic: string,
  { key, value }: StreamRecord<unknown, unknown>,
  headers: Headers,
): Headers {
  if (sink.keySerde.writtenHeaders === undefined && sink.valueSerde.writtenHeaders === undefined) return headers
  try {
    return writtenHeaders(sink, topic, { key, value, headers })
  } catch (cause) {
    const what = `sink ${sink.name}: its serdes cannot make the headers of a record for ${topic}`
    throw new ProductionError(topic, `${what}: ${messageOf(cause)}`, { cause })
  }
}

function sinkHeaders({ name, headers }: SinkNode, given: Headers): Headers {
  return answerOf('the headers function of', headers?.(given), name) ?? given
}

function sinkTopic({ name }: SinkNode, extractor: TopicExtractor, record: StreamRecord<unknown, unknown>): string {
  const { key, value, timestamp, headers } = record
  const topic = answerOf<unknown>('the topic extractor of', extractor(key, value, { timestamp, headers }), name)
  if (typeof topic === 'string') return topic
  throw new UserCodeError(`the topic extractor of ${name} must return the name of a topic, not ${String(topic)}`)
}
