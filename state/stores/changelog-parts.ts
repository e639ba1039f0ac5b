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
import { messageOf, SerdeError } from '../ports/errors.ts'
import { GrownParts, type RowValue, serializedOf } from '../ports/grown-parts.ts'
import { type Headers, NO_HEADERS } from '../ports/headers.ts'
import type { ChangelogSink, RestoredRecord } from '../ports/managed-store.ts'
import { bufferOf, type Serialized } from '../ports/serde.ts'
import {
  changedParts,
  isFramed,
  lastNameOf,
  NO_PARTS,
  packParts,
  partsOf,
  type ValuePart,
  withPart,
  withPartsBehind,
} from '../ports/value-parts.ts'

const END = '\xff'

/** A row as its serdes wrote it. */
interface WrittenRow {
  readonly value: Serialized | null
  readonly timestamp: number
  readonly headers: Headers
}

/** A row before and after a commit. */
export interface RowChange {
  /** Names it in errors. */
  readonly store: string
  readonly key: string
  readonly before: RowValue | null
  readonly after: RowValue | null
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

/** Invariant 1. @throws SerdeError when the row that a serde wrote has no parts */
export function writeParts(change: RowChange, sink: ChangelogSink): void {
  const { key, before, after, timestamp, headers } = change
  const isTold =
    after instanceof GrownParts &&
    after.eachSince(before, (name, text) => sink(toPartKey(key, name), text, timestamp, headers))
  if (isTold) return
  for (const { name, value } of changesOf(change)) sink(toPartKey(key, name), value, timestamp, headers)
}

interface PartChange {
  readonly name: string
  readonly value: Buffer | null
}

function changesOf({ store, before, after }: RowChange): readonly PartChange[] {
  const now = bufferOf(serializedOf(after))
  const changes: PartChange[] = []
  try {
    changedParts(bufferOf(serializedOf(before)), now, (name, value) => changes.push({ name, value }))
    if (now === null || changes.some(({ value }) => value !== null)) return changes
    const [first] = partsOf(now)
    if (first !== undefined) return [...changes, first]
  } catch (cause) {
    throw new SerdeError(
      `store ${store}: the bytes of a row are not parts (packParts makes them): ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
  throw new SerdeError(
    `store ${store}: a row has no part, so its changelog would not have it: delete it, or give it a part`,
  )
}

/** Rows as the records of a changelog make them, each put together once, however many of its parts come. */
export class RestoredParts {
  readonly #rowOf: (key: string) => WrittenRow | null
  readonly #rows = new Map<string, GatheredRow>()

  /** @param rowOf the row before the first record, by its key */
  constructor(rowOf: (key: string) => WrittenRow | null) {
    this.#rowOf = rowOf
  }

  take(changelogKey: string, { value, timestamp }: RestoredRecord, headers: Headers): void {
    const { key, name } = fromPartKey(changelogKey)
    const row = this.#rows.get(key) ?? this.#gathered(key)
    if (value === null) {
      // Invariant 1: a removed part says nothing about the row.
      row.delete(name)
      return
    }
    row.put(name, value)
    row.timestamp = timestamp
    row.headers = headers
  }

  changes(): readonly EncodableChange[] {
    return Array.from(this.#rows, ([key, row]) => {
      const { existed, timestamp, headers } = row
      const value = row.packed()
      return { key, row: value === null ? null : new EncodableRow(value, timestamp, headers), existed }
    })
  }

  #gathered(key: string): GatheredRow {
    const row = new GatheredRow(this.#rowOf(key))
    this.#rows.set(key, row)
    return row
  }
}

/** The parts of a row. New parts are usually behind the others: then the bytes of these are kept, and the new ones follow. */
class GatheredRow {
  readonly existed: boolean
  timestamp: number
  headers: Headers
  readonly #former: Buffer
  /** Parts behind those of the former bytes. Only `#parts` counts once it is there. */
  readonly #behind: ValuePart[] = []
  /** The name of the last part. */
  #last = ''
  /** All parts, once one of them did not come behind the others. */
  #parts: Map<string, Buffer> | null = null

  constructor(before: WrittenRow | null) {
    this.existed = before !== null
    this.timestamp = before?.timestamp ?? 0
    this.headers = before?.headers ?? NO_HEADERS
    this.#former = before === null || before.value === null ? NO_PARTS : bufferOf(before.value)
    if (isFramed(this.#former)) this.#last = lastNameOf(this.#former)
    else this.#all()
  }

  put(name: string, value: Buffer): void {
    if (this.#parts === null && name > this.#last) {
      this.#behind.push({ name, value })
      this.#last = name
    } else this.#all().set(name, value)
  }

  delete(name: string): void {
    this.#all().delete(name)
  }

  /** Nobody else writes to these bytes; null: there is no part. */
  packed(): Buffer | null {
    if (this.#parts === null) {
      const isEmpty = this.#former.length === NO_PARTS.length && this.#behind.length === 0
      return isEmpty ? null : withPartsBehind(this.#former, this.#behind)
    }
    if (this.#parts.size === 0) return null
    const bytes = packParts(Array.from(this.#parts, ([name, value]) => ({ name, value })))
    // A single part may be the value as it came.
    return this.#parts.size === 1 ? Buffer.from(bytes) : bytes
  }

  #all(): Map<string, Buffer> {
    this.#parts ??= new Map([...partsOf(this.#former), ...this.#behind].map(({ name, value }) => [name, value]))
    return this.#parts
  }
}

/**
 * Applies a record of the changelog to rows, by their keys as binary strings; null: a row that was there once. For rows that all stay in
 * memory: each is packed again with every part, since parts that wait for others would keep the answers of brokers that they came in.
 */
export function takePart(rows: Map<string, Buffer | null>, changelogKey: Buffer, value: Buffer | null): void {
  const { key, name } = fromPartKey(changelogKey.toString('latin1'))
  rows.set(key, withPart(rows.get(key) ?? null, name, value))
}
