import { toBinary } from '../keys/binary-key.ts'
import type { SerializedRow } from '../layers/committed-rows.ts'
import { StreamsConfigError } from '../ports/errors.ts'
import type { RowsQuestion, StoredRow } from '../ports/questions.ts'

/** Builds the part of an answered row that is the same in every kind of store. */
export function storedRow(
  place: Pick<StoredRow, 'position' | 'key'>,
  row: SerializedRow,
): { -readonly [K in keyof StoredRow]: StoredRow[K] } {
  const { position, key } = place
  const value = row.value === null ? '' : toBinary(row.value)
  const { timestamp, headers } = row
  if (headers.length === 0) return { position, key, value, timestamp }
  return { position, key, value, timestamp, headers: Array.from(headers, headerOf) }
}

function headerOf(header: { readonly key: string; readonly value: Buffer | null }): readonly [string, string | null] {
  return [header.key, header.value === null ? null : header.value.toString('latin1')]
}

/** A question that another kind of store answers. */
export function notAnswered(store: string, { type }: Pick<RowsQuestion, 'type'>): StreamsConfigError {
  return new StreamsConfigError(`store ${store} cannot answer a question of the type ${type}`)
}
