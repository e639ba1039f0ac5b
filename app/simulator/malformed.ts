import { type EventEnvelope, KEY_FIELD } from '../../processors/events/schemas.ts'
import type { Random } from './random.ts'
import type { Payload } from './simulated-event.ts'

type Breakage = (envelope: EventEnvelope, key: string) => { readonly key: string | null; readonly value: string | null }

const json = JSON.stringify

/** Mistakes of buggy producers. docs/events.md makes each of them invalid. */
const BREAKAGES: readonly Breakage[] = [
  (envelope, key) => ({ key, value: json(envelope).slice(0, -7) }),
  (envelope, key) => ({ key, value: json({ ...envelope, eventVersion: '2.0' }) }),
  (envelope, key) => ({ key, value: json({ ...envelope, timestamp: envelope.timestamp.replace('Z', '') }) }),
  (envelope, key) => ({ key, value: json({ ...envelope, eventType: 'trip.unknown' }) }),
  (envelope, key) => ({ key, value: json({ ...envelope, data: { note: 'lost in a refactoring' } }) }),
  (envelope) => ({ key: null, value: json(envelope) }),
  (envelope, key) => ({ key: `${key}-x`, value: json(envelope) }),
  (_, key) => ({ key, value: null }),
]

/** The event, broken in one of the usual ways. */
export function malformed(envelope: EventEnvelope, timestamp: number, random: Random): Payload {
  const key = (envelope.data as Readonly<Record<string, unknown>>)[KEY_FIELD[envelope.eventType]] as string
  return { kind: 'raw', topic: envelope.eventType, timestamp, ...random.pick(BREAKAGES)(envelope, key) }
}
