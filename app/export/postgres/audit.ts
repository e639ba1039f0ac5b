import { parseExactJson } from '../../../infra/json/index.ts'
import type { TripEvent } from '../../../processors/events/ride-event.ts'
import { fareFieldOf, TRIP_EVENT_TYPES } from '../../../processors/events/schemas.ts'
import { moneyToJson } from '../../../processors/money.ts'
import type { LogRecord, TopicPartition } from '../../../runtime/index.ts'
import { readEvent } from '../../topics/read-event.ts'
import type { Cell, ColumnType } from '../columns.ts'
import { exactInstant } from '../tables.ts'
import { hashOf } from './hash.ts'

/*
 * The audit trail: who did what and when, of every trip, for as long as the table is kept. An event is one row, however often it was
 * delivered: (type, trip, timestamp, eventId) identifies it, and its first record counts.
 */

export const AUDIT_TABLE = 'audit'
export const AUDIT_TOPICS: readonly string[] = TRIP_EVENT_TYPES

export const AUDIT_COLUMNS: readonly { readonly name: string; readonly type: ColumnType | 'bytes' }[] = [
  { name: 'event_key', type: 'bytes' },
  { name: 'event_time', type: 'instant' },
  { name: 'event_timestamp', type: 'text' },
  { name: 'event_type', type: 'text' },
  { name: 'event_id', type: 'text' },
  { name: 'trip_id', type: 'text' },
  { name: 'driver_id', type: 'text' },
  { name: 'passenger_id', type: 'text' },
  { name: 'who', type: 'text' },
  { name: 'produced_by', type: 'text' },
  { name: 'correlation_id', type: 'text' },
  { name: 'data', type: 'json' },
  { name: 'source_topic', type: 'text' },
  { name: 'source_partition', type: 'integer' },
  { name: 'source_offset', type: 'integer' },
]

export const AUDIT_INDEXES: readonly (readonly [column: string, kind: 'btree' | 'hash'])[] = [
  ['trip_id', 'hash'],
  ['driver_id', 'hash'],
  ['passenger_id', 'hash'],
  ['event_time', 'btree'],
]

/** The cells of an event's row; null for a dead letter. */
export function auditCells({ topic, partition }: TopicPartition, record: LogRecord): readonly Cell[] | null {
  const event = readEvent(topic, record)
  if (event === null || event.type === 'driver.location.updated' || record.value === null) return null
  const { data, metadata } = parseExactJson(record.value.toString('utf8')) as {
    readonly data: Readonly<Record<string, unknown>>
    readonly metadata?: { readonly producedBy?: string }
  }
  const timestamp = exactInstant(event)
  const fare = fareFieldOf(event.type)
  const exact = fare === null || event.fare === null ? data : { ...data, [fare]: moneyToJson(event.fare) }
  const { tripId } = event.data
  const driverId = 'driverId' in event.data ? (event.data.driverId ?? null) : null
  return [
    hashOf(JSON.stringify([event.type, tripId, timestamp, event.eventId])),
    timestamp,
    timestamp,
    event.type,
    event.eventId,
    tripId,
    driverId,
    event.type === 'trip.requested' ? event.data.passengerId : null,
    whoOf(event),
    metadata?.producedBy ?? null,
    event.correlationId,
    JSON.stringify(exact),
    topic,
    partition,
    record.offset,
  ]
}

/** The person who did it: the passenger, the driver, or whom a cancellation names. */
function whoOf(event: TripEvent): string | null {
  if (event.type === 'trip.requested') return 'passenger'
  if (event.type === 'trip.cancelled') return event.data.cancelledBy ?? null
  return 'driver'
}
