import { eventCheck, keySerde, parseEvent } from '../../processors/events/event-serde.ts'
import type { AnyEvent } from '../../processors/events/ride-event.ts'
import type { LogReader, LogRecord, TopicPartition } from '../../runtime/index.ts'
import { InvalidRecordError, partitionKey } from '../../state/index.ts'

/** A record with its event, or with the reason why it has none. */
export type Received =
  | (TopicPartition & { readonly kind: 'event'; readonly event: AnyEvent; readonly record: LogRecord })
  | (TopicPartition & { readonly kind: 'invalid'; readonly error: InvalidRecordError; readonly record: LogRecord })

/**
 * Typed reader of events: reads the partitions it is given, committed records only, in offset order per partition. Who
 * reads keeps the positions (`position`), for instance in its own database beside the effects.
 */
export class EventReader {
  readonly #reader: LogReader
  readonly #positions = new Map<string, number>()

  /** It owns the reader from now on. */
  constructor(reader: LogReader) {
    this.#reader = reader
  }

  /** Starts reading a partition of an event's topic at that offset. */
  assign(partition: TopicPartition, position: number): void {
    this.#positions.set(partitionKey(partition), position)
    this.#reader.assign(partition, position)
  }

  /** Offset of the next record to be received. */
  position(partition: TopicPartition): number | null {
    return this.#positions.get(partitionKey(partition)) ?? null
  }

  /** Returns the events that have arrived, or none after maxWaitMs. */
  async receive(maxWaitMs: number): Promise<readonly Received[]> {
    const received: Received[] = []
    for (const { topic, partition, records, position } of await this.#reader.poll(maxWaitMs)) {
      for (const record of records) received.push(receivedOf({ topic, partition }, record))
      this.#positions.set(partitionKey({ topic, partition }), position)
    }
    return received
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}

/** A record, read by the application's own rules. */
export function receivedOf({ topic, partition }: TopicPartition, record: LogRecord): Received {
  try {
    if (record.failure !== undefined) throw record.failure
    if (record.value === null) throw new InvalidRecordError('null-value', 'value is null')
    const event = parseEvent(topic, record.value)
    const key = record.key === null ? null : keySerde.deserialize(topic, record.key)
    eventCheck({ topic, key, value: event, timestamp: record.timestamp, headers: record.headers })
    return { kind: 'event', topic, partition, event, record }
  } catch (error) {
    if (!(error instanceof InvalidRecordError)) throw error
    return { kind: 'invalid', topic, partition, error, record }
  }
}
