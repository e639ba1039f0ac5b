import { randomUUID } from 'node:crypto'
import type { Compression, KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { ensureDeadLetterTopic } from '../../infra/streams/dead-letters/index.ts'
import { realClock } from '../../infra/streams/index.ts'
import { requireTopics } from '../../infra/streams/topics/index.ts'
import { EVENT_TYPES, type EventType } from '../../processors/events/schemas.ts'
import type { TopicPartition } from '../../runtime/index.ts'
import { deadLetterTopic } from '../../topology/index.ts'
import { type ConsumableTopic, checkTopics } from './consumed.ts'
import { type ConsumerSettings, checkSettings } from './consumer-settings.ts'
import { EventConsumer } from './event-consumer.ts'
import { EventProducer, type EventProducerOptions } from './event-producer.ts'
import { EventReader } from './event-reader.ts'
import { type EventPattern, topicsOf } from './read-events.ts'

export interface OpenProducerOptions
  extends Pick<EventProducerOptions, 'metadata' | 'lingerMs' | 'batchBytes' | 'batchEvents'> {
  /** Default gzip: the one compression that kafkajs, which the services around us use, reads without a plugin. */
  readonly compression?: Compression
}

/** A producer of events for that cluster. Throws MissingTopicError. */
export async function openEventProducer(
  connection: KafkaConnectionConfig,
  options: OpenProducerOptions = {},
): Promise<EventProducer> {
  const cluster = connectKafka(connection)
  const admin = cluster.admin()
  try {
    const partitions = await requireTopics(admin, EVENT_TYPES)
    const writer = cluster.writer({ transactionalId: null, compression: options.compression ?? 'gzip' })
    return new EventProducer({ ...options, writer, partitions, clock: realClock })
  } finally {
    await admin.close()
  }
}

/** A reader of all partitions of these topics, from their beginning or their end. Throws MissingTopicError. */
export async function openEventReader(
  connection: KafkaConnectionConfig,
  from: 'earliest' | 'latest',
  topics: readonly string[] = EVENT_TYPES,
): Promise<EventReader> {
  const cluster = connectKafka(connection)
  const admin = cluster.admin()
  try {
    const partitions = partitionsOf(await requireTopics(admin, topics))
    const offsets = await (from === 'earliest'
      ? admin.earliestOffsets(partitions)
      : admin.lastStableOffsets(partitions))
    const reader = new EventReader(cluster.reader())
    for (const [index, partition] of partitions.entries()) reader.assign(partition, offsets[index] ?? 0)
    return reader
  } finally {
    await admin.close()
  }
}

export interface OpenConsumerOptions<T extends ConsumableTopic> extends ConsumerSettings<T> {
  /** Events and outputs by their names, or all events that a pattern like `trip.*` names. All members of the group say the same. */
  readonly topics: readonly T[] | EventPattern
  /** Where records go that are invalid, or whose attempts are used up. Created when it is missing. Default `<groupId>.dlq`. */
  readonly deadLetterTopic?: string | undefined
  /** A member that returns with this id within the session timeout gets its partitions back at once. Default: a new member each time. */
  readonly instanceId?: string | undefined
  /** A member without a heartbeat for so long is expelled, ms. Default 10,000. */
  readonly sessionTimeoutMs?: number | undefined
}

/**
 * Joins a consumer group and hands its records to `handle`: valid ones, committed ones, in order per partition, each at least once.
 * Throws StreamsConfigError, MissingTopicError, and what the group refuses the member for.
 */
export async function openEventConsumer<T extends ConsumableTopic = EventType>(
  connection: KafkaConnectionConfig,
  options: OpenConsumerOptions<T>,
): Promise<EventConsumer<T>> {
  const {
    groupId,
    deadLetterTopic: letters = deadLetterTopic(groupId),
    instanceId,
    sessionTimeoutMs = 10_000,
  } = options
  const named = typeof options.topics === 'string' ? topicsOf(options.topics) : options.topics
  const topics: readonly string[] = [...new Set<string>(named)].sort()
  checkTopics(topics)
  checkSettings(options)
  const cluster = connectKafka(connection)
  try {
    const admin = cluster.admin()
    const counts = await requireTopics(admin, topics)
    await ensureDeadLetterTopic(admin, letters, () => undefined)
    const deadLetters = { topic: letters, partitions: (await requireTopics(admin, [letters])).get(letters) ?? 1 }
    const tasks = topics.flatMap((topic, i) =>
      partitionsOf(new Map([[topic, counts.get(topic) ?? 0]])).map((partition) => ({
        ...{ taskId: `${i}_${partition.partition}`, isStateful: false, partitions: [partition] },
      })),
    )
    const info = { processId: instanceId ?? randomUUID(), applicationServer: null, threads: 1, transactionalIds: [] }
    const membership = cluster.membership({
      ...{ groupId, groupInstanceId: instanceId ?? null, tasks, sessionTimeoutMs },
      info: { ...info, topology: `events ${topics.join(' ')}` },
    })
    // Without compression the writer knows the limit of the topic, and cuts letters to fit.
    const writer = cluster.writer({ transactionalId: null, compression: 'none', topics: [letters] })
    const parts = {
      membership,
      reader: cluster.reader(),
      writer,
      admin,
      tasks,
      deadLetters,
      close: () => cluster.close(),
    }
    const consumer = new EventConsumer(options, parts)
    await consumer.start()
    return consumer
  } catch (error) {
    await cluster.close()
    throw error
  }
}

function partitionsOf(counts: ReadonlyMap<string, number>): readonly TopicPartition[] {
  return [...counts].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
}
