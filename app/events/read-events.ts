import type { KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { scanSpans, spansOf } from '../../infra/streams/topics/index.ts'
import { EVENT_TYPES, type EventType } from '../../processors/events/schemas.ts'
import { type LogAdmin, type LogReader, partitionForKey } from '../../runtime/index.ts'
import { StreamsConfigError } from '../../state/index.ts'
import { type Received, receivedOf } from './event-reader.ts'

/** One type of event, or all whose names begin like that. */
export type EventPattern = EventType | 'trip.*' | 'driver.*' | '*'

export interface ReadEventsOptions {
  /** Only events of that trip or driver, from the one partition of each topic that Kafka's default partitioner gives the key. */
  readonly key?: string | undefined
  /** Offsets passed so far, and of how many in all. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined
  /** Ends the reading where it is. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads the past of topics: all committed events they hold at the beginning of the call, in offset order per partition; it stops before
 * an open transaction. Throws MissingTopicError, and StreamsConfigError for a pattern that no event has.
 */
export async function* readEvents(
  connection: KafkaConnectionConfig,
  pattern: EventPattern,
  options: ReadEventsOptions = {},
): AsyncGenerator<Received, void, undefined> {
  const cluster = connectKafka(connection)
  try {
    yield* readEventsOn({ admin: cluster.admin(), reader: cluster.reader() }, pattern, options)
  } finally {
    await cluster.close()
  }
}

/** Works like readEvents, with clients that the caller closes. */
export async function* readEventsOn(
  { admin, reader }: { readonly admin: LogAdmin; readonly reader: LogReader },
  pattern: EventPattern,
  { key, onProgress, signal }: ReadEventsOptions = {},
): AsyncGenerator<Received, void, undefined> {
  const bytes = key === undefined ? null : Buffer.from(key)
  const all = await spansOf(admin, topicsOf(pattern))
  const counts = new Map<string, number>()
  for (const { topic } of all) counts.set(topic, (counts.get(topic) ?? 0) + 1)
  const spans = all.filter(
    ({ topic, partition }) => bytes === null || partition === partitionForKey(bytes, counts.get(topic) ?? 0),
  )
  const scan = { reader, spans, openTransactions: 'stop', onProgress, ...(signal && { signal }) } as const
  for await (const { topic, partition, records } of scanSpans(scan)) {
    for (const record of records) {
      if (bytes === null || record.key?.equals(bytes)) yield receivedOf({ topic, partition }, record)
    }
  }
}

/** @throws StreamsConfigError for a pattern that no event has */
export function topicsOf(pattern: EventPattern): readonly EventType[] {
  const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : null
  const topics = EVENT_TYPES.filter((type) => (prefix === null ? type === pattern : type.startsWith(prefix)))
  if (topics.length > 0) return topics
  throw new StreamsConfigError(`no event is named ${pattern}; there are ${EVENT_TYPES.join(', ')}`)
}
