import { type Header, type Headers, NO_HEADERS } from '../../state/ports/headers.ts'

const ABSENT = -1

/** Headers of a record are views into the fetch answer; held records must outlive it. */
export function copyHeaders(headers: Headers): Headers {
  if (headers.length === 0) return NO_HEADERS
  return [...headers].map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }))
}

/** Number of headers (4 bytes), then name and value of each, with 4 bytes of length before (-1 for null). */
export function writeHeaders(headers: Headers): Buffer[] {
  const parts: Buffer[] = []
  pushInt(parts, headers.length)
  for (const { key, value } of headers) {
    pushSized(parts, Buffer.from(key))
    pushSized(parts, value)
  }
  return parts
}

/** The headers and the offset after them. */
export function readHeaders(bytes: Buffer, offset: number): readonly [headers: Headers, next: number] {
  const count = bytes.readInt32BE(offset)
  let at = offset + 4
  const headers: Header[] = []
  for (let i = 0; i < count; i += 1) {
    const [key, behindKey] = readSized(bytes, at)
    const [value, next] = readSized(bytes, behindKey)
    headers.push({ key: key?.toString() ?? '', value: value === null ? null : Buffer.from(value) })
    at = next
  }
  return [headers, at]
}

/** Bytes with 4 bytes of length before them; -1 for null. */
export function pushSized(parts: Buffer[], value: Buffer | null): void {
  pushInt(parts, value === null ? ABSENT : value.length)
  if (value !== null) parts.push(value)
}

/** A view, and the offset after it. */
export function readSized(bytes: Buffer, offset: number): readonly [value: Buffer | null, next: number] {
  const length = bytes.readInt32BE(offset)
  const at = offset + 4
  return length === ABSENT ? [null, at] : [bytes.subarray(at, at + length), at + length]
}

function pushInt(parts: Buffer[], value: number): void {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value, 0)
  parts.push(bytes)
}
