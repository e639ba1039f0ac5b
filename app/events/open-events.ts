import type { Compression, KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { realClock } from '../../infra/streams/index.ts'
import { requireTopics } from '../../infra/streams/topics/index.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import type { TopicPartition } from '../../runtime/index.ts'
import { EventConsumer } from './event-consumer.ts'
import { EventProducer, type EventProducerOptions } from './event-producer.ts'

export interface OpenProducerOptions extends Pick<EventProducerOptions, 'metadata' | 'lingerMs' | 'batchBytes'> {
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

/** A consumer of all partitions of these topics, from their beginning or their end. Throws MissingTopicError. */
export async function openEventConsumer(
  connection: KafkaConnectionConfig,
  from: 'earliest' | 'latest',
  topics: readonly string[] = EVENT_TYPES,
): Promise<EventConsumer> {
  const cluster = connectKafka(connection)
  const admin = cluster.admin()
  try {
    const counts = await requireTopics(admin, topics)
    const partitions = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition })),
    )
    const offsets = await (from === 'earliest' ? admin.earliestOffsets(partitions) : admin.highWatermarks(partitions))
    const consumer = new EventConsumer(cluster.reader())
    for (const [index, partition] of partitions.entries()) consumer.assign(partition, offsets[index] ?? 0)
    return consumer
  } finally {
    await admin.close()
  }
}
