/*
 * Owns: the form of the changelog of a store whose values are in parts (KeyValueSpec.changelogParts): a record for each part.
 *   key: the row's key | FF | name of the part; the part without a name has the row's key alone
 * No name has a byte FF, so the last one in a key ends the row's key. A row's key that has one is followed by FF in any case.
 *
 * Invariants
 * 1. A commit writes the parts of a row that it changed and no others; for a row that stays, one at least, the removed ones first. So the
 *    last record of a row with a value has the row's timestamp and headers, also after compaction.
 * 2. Parts come back in any order: a row in the middle of a restore may lack some.
 */
import type { EncodableChange } from '../layers/row.ts'
import { EncodableRow } from '../layers/row-codec.ts'
import type { Headers } from '../ports/headers.ts'
import type { ChangelogSink, RestoredRecord } from '../ports/managed-store.ts'
import { bufferOf, type Serialized } from '../ports/serde.ts'
import { changedParts, partsOf, withPart } from '../ports/value-parts.ts'

const END = '\xff'

/** A row as its serdes wrote it. */
interface WrittenRow {
  readonly value: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

/** A row before and after a commit. */
export interface RowChange {
  readonly key: string
  readonly before: Serialized | null
  readonly after: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

export function toPartKey(key: string, name: string): string {
  return name === '' && !key.includes(END) ? key : key + END + name
}

export function fromPartKey(changelogKey: string): { readonly key: string; readonly name: string } {
  const end = changelogKey.lastIndexOf(END)
  return end < 0
    ? { key: changelogKey, name: '' }
    : { key: changelogKey.slice(0, end), name: changelogKey.slice(end + 1) }
}

/** Invariant 1. */
export function writeParts({ key, before, after, timestamp, headers }: RowChange, sink: ChangelogSink): void {
  const now = bufferOf(after)
  let hasValue = now === null
  changedParts(bufferOf(before), now, (name, value) => {
    hasValue ||= value !== null
    sink(toPartKey(key, name), value, timestamp, headers)
  })
  const [first] = hasValue || now === null ? [] : partsOf(now)
  if (first !== undefined) sink(toPartKey(key, first.name), first.value, timestamp, headers)
}

/** The row after a record of its changelog. @param rowOf the row before it, by its key */
export function restoredPart(
  changelogKey: string,
  { value, timestamp }: RestoredRecord,
  headers: Headers,
  rowOf: (key: string) => WrittenRow | null,
): EncodableChange {
  const { key, name } = fromPartKey(changelogKey)
  const before = rowOf(key)
  const after = withPart(bufferOf(before?.value ?? null), name, value)
  if (after === null) return { key, row: null }
  // Invariant 1: a removed part says nothing about the row.
  const row = value === null && before !== null ? before : { timestamp, headers }
  return { key, row: new EncodableRow(after, row.timestamp, row.headers) }
}

/** Applies a record of the changelog to rows, by their keys as binary strings; null: a row that was there once. */
export function takePart(rows: Map<string, Buffer | null>, changelogKey: Buffer, value: Buffer | null): void {
  const { key, name } = fromPartKey(changelogKey.toString('latin1'))
  rows.set(key, withPart(rows.get(key) ?? null, name, value))
}
