import type { KafkaConnectionConfig } from '../../infra/kafka/config/index.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import { realClock } from '../../infra/streams/index.ts'
import { requireTopics } from '../../infra/streams/topics/index.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import type { EventProducer } from '../events/event-producer.ts'
import { type OpenProducerOptions, openEventProducer } from '../events/open-events.ts'
import { type Position, readPosition, writePosition } from './position-file.ts'
import { type SimulateOptions, type SimulationProgress, simulate } from './simulate.ts'
import { type LiveProgress, type SimulateLiveOptions, simulateLive } from './simulate-live.ts'

interface RunOptions {
  readonly connection: KafkaConnectionConfig
  /** Continue where this file says, and keep it up to date. Without it: from the beginning. */
  readonly positionFile?: string
  /** Default: no compression, since the brokers of a simulation are near, and its CPU is better spent on events. */
  readonly producer?: OpenProducerOptions
}

export interface RunSimulationOptions
  extends RunOptions,
    Pick<SimulateOptions, 'source' | 'rate' | 'speed' | 'signal'> {
  readonly onProgress?: (progress: RunProgress) => void | Promise<void>
}

interface EverInvalid {
  /** Records that are no valid events, among those of all calls. */
  readonly invalidEver: number
}

export interface RunProgress extends SimulationProgress, EverInvalid {}

export interface RunLiveOptions extends RunOptions, Pick<SimulateLiveOptions, 'seed' | 'drivers' | 'signal'> {
  readonly onProgress?: (progress: LiveProgress & EverInvalid) => void | Promise<void>
}

/**
 * Sends the events of a source to the input topics of a cluster. With a position file it continues where an earlier call ended
 * (at most the events of the last second are sent again). When the topics are empty, they were created again, and everything is
 * sent. Throws MissingTopicError and errors of the producer.
 */
export async function runSimulation(options: RunSimulationOptions): Promise<SimulationProgress> {
  const { source, onProgress } = options
  const before = await positionOf(options, source.identity)
  if (before.finished) {
    const { events, invalid } = before
    const progress = { events, sent: 0, invalid: 0, rides: source.rides, at: null, finished: true }
    await onProgress?.({ ...progress, invalidEver: invalid })
    return progress
  }
  return await run(options, before, (producer, report) =>
    simulate({
      ...options,
      producer,
      clock: realClock,
      from: before.events,
      onProgress: (progress) => report(progress, progress.events),
    }),
  )
}

/**
 * Sends live rides to the input topics of a cluster until the signal. The position file keeps count of events only: the rides of
 * another time are over. Throws as runSimulation.
 */
export async function runLiveSimulation(options: RunLiveOptions): Promise<LiveProgress> {
  const before = await positionOf(options, 'live')
  return await run(options, before, (producer, report) =>
    simulateLive({
      ...options,
      producer,
      clock: realClock,
      onProgress: (progress) => report(progress, before.events + progress.sent),
    }),
  )
}

/** Runs a simulation with a producer of its own, and writes down and tells each progress. */
async function run<P extends { readonly invalid: number; readonly finished?: boolean }>(
  options: RunOptions & { readonly onProgress?: (progress: NoInfer<P> & EverInvalid) => void | Promise<void> },
  before: Position,
  simulation: (
    producer: EventProducer,
    /** `events`: sent so far, by earlier calls too. */
    report: (progress: P, events: number) => Promise<void>,
  ) => Promise<P>,
): Promise<P> {
  const { connection, positionFile, onProgress, producer: producerOptions } = options
  const producer = await openEventProducer(connection, { ...NEAR, ...producerOptions })
  const report = async (progress: P, events: number): Promise<void> => {
    const invalid = before.invalid + progress.invalid
    const { finished = false } = progress
    if (positionFile !== undefined) {
      await writePosition(positionFile, { source: before.source, events, invalid, finished })
    }
    await onProgress?.({ ...progress, invalidEver: invalid })
  }
  try {
    return await simulation(producer, report)
  } finally {
    await producer.close()
  }
}

const NEAR: OpenProducerOptions = { compression: 'none' }

async function positionOf({ connection, positionFile }: RunOptions, source: string): Promise<Position> {
  // Without events in them, topics were created again.
  if (positionFile !== undefined && !(await areTopicsEmpty(connection))) return readPosition(positionFile, source)
  return { source, events: 0, invalid: 0, finished: false }
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
