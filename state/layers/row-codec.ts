import { Buffer } from 'node:buffer'
import type { RowBytes } from '../ports/backend.ts'
import type { RowValue } from '../ports/grown-parts.ts'
import type { Header, Headers } from '../ports/headers.ts'
import { NO_HEADERS } from '../ports/headers.ts'

/*
 * Bytes of a committed row:
 *   flags u8 | timestamp f64 BE | [headers] | value bytes
 * flags: the low 4 bits are the format version (1), bit 4 says that headers follow, bit 5 that the value is null (a
 * version that deletes). The timestamp is a double:
 * exact for every epoch ms, and reads in one step. Headers: count u32, then per header key length u32, key, value
 * length i32 (-1 = null), value.
 */
const VERSION = 1
const HAS_HEADERS = 0x10
const NULL_VALUE = 0x20
const FIXED = 9

/** A row to encode, immutable. `value` as the serde returned it. */
export class EncodableRow implements RowBytes {
  readonly value: RowValue | null
  readonly timestamp: number
  readonly headers: Headers
  #length = -1

  constructor(value: RowValue | null, timestamp: number, headers: Headers) {
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
  }

  get length(): number {
    if (this.#length < 0) this.#length = FIXED + headersLength(this.headers) + byteLength(this.value)
    return this.#length
  }

  copy(target: Buffer, offset: number): number {
    return encodeRow(this, target, offset) - offset
  }

  /** The row with a copy of its value, which may be a view into a fetch response. */
  owned(): EncodableRow {
    const { value, timestamp, headers } = this
    return value instanceof Buffer ? new EncodableRow(Buffer.from(value), timestamp, headers) : this
  }
}

/** A row as read, before the value's serde. `value` is a view. */
export interface RawRow {
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

export function byteLength(value: RowValue | null): number {
  if (value === null) return 0
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') : value.length
}

/** Writes the row at `offset` and returns the offset behind it; there must be room. */
function encodeRow(row: EncodableRow, target: Buffer, offset: number): number {
  const hasHeaders = row.headers.length > 0
  target[offset] = VERSION | (hasHeaders ? HAS_HEADERS : 0) | (row.value === null ? NULL_VALUE : 0)
  target.writeDoubleBE(row.timestamp, offset + 1)
  let at = offset + FIXED
  if (hasHeaders) at = encodeHeaders(row.headers, target, at)
  if (row.value === null) return at
  if (typeof row.value === 'string') return at + target.write(row.value, at, 'utf8')
  return at + row.value.copy(target, at)
}

/** Throws when the bytes are not a row of this format. */
export function decodeRow(bytes: Buffer): RawRow {
  const flags = bytes[0] ?? 0
  if ((flags & 0x0f) !== VERSION || bytes.length < FIXED)
    throw new Error(`the bytes are not a row of format ${VERSION}`)
  const timestamp = bytes.readDoubleBE(1)
  if ((flags & HAS_HEADERS) === 0) return { value: valueFrom(bytes, FIXED), timestamp, headers: NO_HEADERS }
  const headers: Header[] = []
  let at = FIXED + 4
  for (let count = bytes.readUInt32BE(FIXED); count > 0; count--) {
    const keyLength = bytes.readUInt32BE(at)
    const key = bytes.toString('utf8', at + 4, at + 4 + keyLength)
    at += 4 + keyLength
    const valueLength = bytes.readInt32BE(at)
    at += 4
    headers.push({ key, value: valueLength < 0 ? null : bytes.subarray(at, at + valueLength) })
    if (valueLength > 0) at += valueLength
  }
  return { value: valueFrom(bytes, at), timestamp, headers }
}

function valueFrom(bytes: Buffer, at: number): Buffer | null {
  return ((bytes[0] as number) & NULL_VALUE) === 0 ? bytes.subarray(at) : null
}

/** Only the timestamp, for expiry. */
export function rowTimestamp(bytes: Buffer): number {
  return bytes.readDoubleBE(1)
}

/** Owned copy of headers that may be views into a fetch response. */
export function copyHeaders(headers: Headers): Headers {
  if (headers.length === 0) return NO_HEADERS
  return Array.from(headers, ({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }))
}

function headersLength(headers: Headers): number {
  if (headers.length === 0) return 0
  let length = 4
  for (const { key, value } of headers)
    length += 8 + Buffer.byteLength(key, 'utf8') + (value === null ? 0 : value.length)
  return length
}

function encodeHeaders(headers: Headers, target: Buffer, offset: number): number {
  let count = 0
  let at = offset + 4
  for (const { key, value } of headers) {
    const keyLength = target.write(key, at + 4, 'utf8')
    target.writeUInt32BE(keyLength, at)
    at += 4 + keyLength
    target.writeInt32BE(value === null ? -1 : value.length, at)
    at += 4
    if (value !== null) at += value.copy(target, at)
    count++
  }
  target.writeUInt32BE(count, offset)
  return at
}
