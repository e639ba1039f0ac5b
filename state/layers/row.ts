import type { PartsSerde, RowValue } from '../ports/grown-parts.ts'
import type { Headers } from '../ports/headers.ts'
import { NO_HEADERS } from '../ports/headers.ts'
import type { Serde } from '../ports/serde.ts'
import { decodeRow, EncodableRow } from './row-codec.ts'

/** A decoded row, as processing and queries see it. Timestamped stores hand out the row itself. Immutable. */
export interface Row<V> {
  readonly value: V
  readonly timestamp: number
  readonly headers?: Headers | undefined
}

/** Converts the values of one store to bytes and back. */
export interface RowFormat<V> {
  /** The changelog's name, which the serde gets as topic. */
  readonly topic: string
  readonly valueSerde: Serde<V> & Partial<PartsSerde<V>>
  readonly keepHeaders: boolean
}

/** A change on its way to the changelog and the backend. */
export interface EncodableChange {
  readonly key: string
  readonly row: EncodableRow | null
  readonly existed?: boolean | undefined
}

export function toEncodable<V>(format: RowFormat<V>, row: Row<V>): EncodableRow {
  return new EncodableRow(writtenValue(format, row.value), row.timestamp, row.headers ?? NO_HEADERS)
}

/** The value as its serde writes it. */
export function writtenValue<V>({ topic, valueSerde }: RowFormat<V>, value: V): RowValue | null {
  if (value === null) return null
  return valueSerde.serializeParts?.(topic, value) ?? valueSerde.serialize(topic, value)
}

export function fromBytes<V>(format: RowFormat<V>, bytes: Buffer): Row<V> {
  const raw = decodeRow(bytes)
  const value = (raw.value === null ? null : format.valueSerde.deserialize(format.topic, raw.value)) as V
  return format.keepHeaders
    ? { value, timestamp: raw.timestamp, headers: raw.headers }
    : { value, timestamp: raw.timestamp }
}
