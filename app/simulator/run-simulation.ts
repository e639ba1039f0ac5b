import type { KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { realClock } from '../../infra/streams/index.ts'
import { requireTopics } from '../../infra/streams/topics/index.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { type OpenProducerOptions, openEventProducer } from '../events/open-events.ts'
import { readPosition, writePosition } from './position-file.ts'
import { type SimulateOptions, type SimulationProgress, simulate } from './simulate.ts'

export interface RunSimulationOptions
  extends Pick<SimulateOptions, 'source' | 'rate' | 'speed' | 'signal' | 'onProgress'> {
  readonly connection: KafkaConnectionConfig
  /** Continue where this file says, and keep it up to date. Without it: from the beginning. */
  readonly positionFile?: string
  /** Default none: the brokers of a simulation are near, and its CPU is better spent on events. */
  readonly producer?: OpenProducerOptions
}

/**
 * Sends the events of a source to the input topics of a cluster. With a position file it continues where an earlier call ended
 * (at most the events of the last second are sent again). When the topics are empty, they were created again, and everything is
 * sent. Throws MissingTopicError and errors of the producer.
 */
export async function runSimulation(options: RunSimulationOptions): Promise<SimulationProgress> {
  const { connection, source, positionFile } = options
  const from =
    positionFile === undefined || (await areTopicsEmpty(connection))
      ? 0
      : await readPosition(positionFile, source.identity)
  const producer = await openEventProducer(connection, { compression: 'none', ...options.producer })
  try {
    return await simulate({
      ...options,
      producer,
      clock: realClock,
      from,
      onProgress: async (progress) => {
        if (positionFile !== undefined) await writePosition(positionFile, source.identity, progress.events)
        await options.onProgress?.(progress)
      },
    })
  } finally {
    await producer.close()
  }
}

async function areTopicsEmpty(connection: KafkaConnectionConfig): Promise<boolean> {
  const admin = connectKafka(connection).admin()
  try {
    const counts = await requireTopics(admin, EVENT_TYPES)
    const partitions = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
    return (await admin.highWatermarks(partitions)).every((offset) => offset === 0)
  } finally {
    await admin.close()
  }
}
