import type { AnyEvent } from '../../processors/events/ride-event.ts'
import { EVENT_TYPES, type EventType } from '../../processors/events/schemas.ts'
import { OUTPUT_TOPICS, type OutputTopic, type OutputValues } from '../../processors/output-schemas.ts'
import type { LogRecord, TopicPartition } from '../../runtime/index.ts'
import { InvalidRecordError, StreamsConfigError } from '../../state/index.ts'
import { receivedOf } from './event-reader.ts'
import { readOutput } from './read-output.ts'

/** A topic whose records a consumer gets with their types. */
export type ConsumableTopic = EventType | OutputTopic

/** Fields of every consumed record. */
interface ConsumedRecord<T extends ConsumableTopic> {
  /** Narrows `event` and `value`. */
  readonly topic: T
  readonly partition: number
  readonly offset: number
  /** The record's own, epoch ms. */
  readonly timestamp: number
  /** The id of the trip, of the driver, and so on (docs/events.md). */
  readonly key: string | null
  /**
   * Names the record for services that must not do a thing twice: the same text at every attempt, by whichever member. In a topic that
   * was deleted and created again, the same texts name other records.
   */
  readonly idempotencyKey: string
}

interface ConsumedEvent<T extends EventType> extends ConsumedRecord<T> {
  readonly kind: 'event'
  readonly event: Extract<AnyEvent, { readonly type: T }>
}

interface ConsumedOutput<T extends OutputTopic> extends ConsumedRecord<T> {
  readonly kind: 'output'
  readonly value: OutputValues[T]
}

/** A valid record of one of the topics: an event, or the value of an output. */
export type Consumed<T extends ConsumableTopic = ConsumableTopic> = {
  [K in T]: K extends EventType ? ConsumedEvent<K> : K extends OutputTopic ? ConsumedOutput<K> : never
}[T]

const OUTPUTS: ReadonlySet<string> = new Set(OUTPUT_TOPICS)

/** A record by the application's own rules. @throws InvalidRecordError */
export function consumedOf(from: TopicPartition, record: LogRecord): Consumed {
  const { topic, partition } = from
  const { offset, timestamp, key } = record
  const place = { topic, partition, offset, timestamp, key: key?.toString('utf8') ?? null }
  const common = { ...place, idempotencyKey: `${topic}-${partition}@${offset}` }
  if (!OUTPUTS.has(topic)) {
    const received = receivedOf(from, record)
    if (received.kind === 'invalid') throw received.error
    return { ...common, kind: 'event', event: received.event } as Consumed
  }
  if (record.failure !== undefined) throw record.failure
  if (record.value === null) throw new InvalidRecordError('null-value', 'value is null')
  return { ...common, kind: 'output', value: readOutput(topic as OutputTopic, record.value) } as Consumed
}

/** @throws StreamsConfigError for a topic of another kind, or none at all */
export function checkTopics(topics: readonly string[]): void {
  const known: readonly string[] = [...EVENT_TYPES, ...OUTPUT_TOPICS]
  const unknown = topics.filter((topic) => !known.includes(topic))
  if (topics.length === 0) throw new StreamsConfigError('topics: is empty')
  if (unknown.length > 0) {
    throw new StreamsConfigError(`topics: ${unknown.join(', ')}: expected events and outputs, ${known.join(', ')}`)
  }
}
