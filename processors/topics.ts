import { DEAD_LETTER_TOPIC, deadLetterTopic, TAKES_WHAT_INPUT_TOOK } from '../topology/index.ts'
import { EVENT_TYPES, type EventType, TRIP_EVENT_TYPES } from './events/schemas.ts'

export const TRIP_STATE_TOPIC = 'trip.state'
export const DRIVER_CELL_CHANGED_TOPIC = 'driver.cell.changed'
export const HOURLY_REVENUE_TOPIC = 'analytics.hourly_revenue'
export const TRIP_OFFERS_TOPIC = 'trip.offers'
export const CELL_DEMAND_TOPIC = 'analytics.cell_demand'
export const TRIP_FUNNEL_TOPIC = 'analytics.trip_funnel'
export const DRIVER_EARNINGS_TOPIC = 'driver.earnings'

export const TRIP_TOPICS: readonly string[] = TRIP_EVENT_TYPES
export const DRIVER_TOPIC = 'driver.location.updated' satisfies EventType

export const TRIP_STATE_STORE = 'trip-state'
export const DRIVER_CELLS_STORE = 'driver-cells'
export const HOURLY_REVENUE_STORE = 'hourly-revenue'
export const TRIP_HISTORY_STORE = 'trip-history'
export const CELL_DEMAND_STORE = 'cell-demand'
export const TRIP_FUNNEL_STORE = 'trip-funnel'
export const DRIVER_EARNINGS_STORE = 'driver-earnings'

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
    {
      name: TRIP_STATE_TOPIC,
      role: 'output',
      key: 'tripId',
      partitions: { sameAs: 'trip.requested' },
      config: COMPACTED,
    },
    {
      name: DRIVER_CELL_CHANGED_TOPIC,
      role: 'output',
      key: 'driverId',
      partitions: { sameAs: DRIVER_TOPIC },
      config: kept,
    },
    {
      name: HOURLY_REVENUE_TOPIC,
      role: 'output',
      key: 'hour',
      partitions: 3,
      config: COMPACTED,
    },
    {
      name: TRIP_OFFERS_TOPIC,
      role: 'output',
      key: 'tripId',
      partitions: { sameAs: 'trip.requested' },
      config: kept,
    },
    {
      name: CELL_DEMAND_TOPIC,
      role: 'output',
      key: 'cell@windowStart',
      partitions: 3,
      config: kept,
    },
    {
      name: TRIP_FUNNEL_TOPIC,
      role: 'output',
      key: 'hour',
      partitions: 3,
      config: COMPACTED,
    },
    {
      name: DRIVER_EARNINGS_TOPIC,
      role: 'output',
      key: 'driverId|day',
      partitions: { sameAs: DRIVER_TOPIC },
      config: COMPACTED,
    },
    {
      name: deadLetterTopic(applicationId),
      role: 'dead-letter',
      key: 'original key',
      ...DEAD_LETTER_TOPIC,
    },
  ]
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
