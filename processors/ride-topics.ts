import { DEAD_LETTER_TOPIC, deadLetterTopic, TAKES_WHAT_INPUT_TOOK } from '../topology/index.ts'
import { EVENT_TYPES, type EventType } from './events/schemas.ts'
import type { RideOutput } from './ride-processor.ts'
import { RIDE_PROCESSORS } from './ride-processors.ts'
import { DRIVER_TOPIC } from './topics.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface TopicSpec {
  readonly name: string
  readonly role: 'input' | 'output' | 'dead-letter'
  readonly key: string
  /** A count, or the topic whose count it follows (read from the cluster). */
  readonly partitions: number | { readonly sameAs: string }
  /** Settings at creation. */
  readonly config: Readonly<Record<string, string>>
}

export interface TopicOptions {
  readonly applicationId: string
  /** Retention of the outputs that are not compacted in ms, -1 = keep. */
  readonly outputRetentionMs: number
}

const COMPACTED = { ...TAKES_WHAT_INPUT_TOOK, 'cleanup.policy': 'compact' }

/** Every topic the app reads or writes, except the internal ones: inputs first. */
export function rideTopics({ applicationId, outputRetentionMs }: TopicOptions): readonly TopicSpec[] {
  const kept = { ...TAKES_WHAT_INPUT_TOOK, 'cleanup.policy': 'delete', 'retention.ms': String(outputRetentionMs) }
  return [
    ...EVENT_TYPES.map(inputTopic),
    ...RIDE_PROCESSORS.flatMap(({ output }) => (output === null ? [] : [outputTopic(output, kept)])),
    {
      name: deadLetterTopic(applicationId),
      role: 'dead-letter',
      key: 'original key',
      ...DEAD_LETTER_TOPIC,
    },
  ]
}

function outputTopic({ topic, key, partitions, kept }: RideOutput, forRetention: TopicSpec['config']): TopicSpec {
  return { name: topic, role: 'output', key, partitions, config: kept === 'last-rows' ? COMPACTED : forRetention }
}

function inputTopic(name: EventType): TopicSpec {
  const retentionMs = name === 'trip.completed' ? 7 * DAY_MS : name === DRIVER_TOPIC ? HOUR_MS : DAY_MS
  return {
    name,
    role: 'input',
    key: name === DRIVER_TOPIC ? 'driverId' : 'tripId',
    partitions: name === DRIVER_TOPIC ? 6 : 3,
    config: { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) },
  }
}

/** Partition counts for creation: given counts of existing topics win over the table. */
export function partitionsOf(
  spec: TopicSpec,
  topics: readonly TopicSpec[],
  existing: ReadonlyMap<string, number>,
): number {
  const known = existing.get(spec.name)
  if (known !== undefined) return known
  if (typeof spec.partitions === 'number') return spec.partitions
  const { sameAs } = spec.partitions
  const source = topics.find((topic) => topic.name === sameAs)
  if (source === undefined) throw new RangeError(`${spec.name} follows ${sameAs}, which is not in the table`)
  return partitionsOf(source, topics, existing)
}
