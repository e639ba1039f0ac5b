import { MOST_KEY_TEXT } from '../../topology/index.ts'
import { EVENT_SCHEMAS, type EventEnvelope, type EventType } from './schemas.ts'

/**
 * Most characters that the texts of one event may have together, as far as they are kept: without a bound three events with
 * ids of some 100 kB make a row that no changelog takes, which stops the application for good. Ten events with so much text
 * still fit into a record of Kafka's default size, whatever the characters. Ids are keys of rows, so pages can end at each of them.
 */
export const MOST_KEPT_TEXT = MOST_KEY_TEXT

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Characters of the kept texts: ids and the known fields of data. Other fields are ignored. */
export function keptTextLength(type: EventType, { eventId, correlationId, data }: EventEnvelope): number {
  return eventId.length + (correlationId?.length ?? 0) + textLength(EVENT_SCHEMAS[type].properties.data as Schema, data)
}

function textLength({ properties }: Schema, value: unknown): number {
  if (typeof value === 'string') return value.length
  if (properties === undefined || typeof value !== 'object' || value === null) return 0
  return Object.entries(properties).reduce((sum, [name, field]) => {
    return Object.hasOwn(value, name) ? sum + textLength(field, Reflect.get(value, name)) : sum
  }, 0)
}
