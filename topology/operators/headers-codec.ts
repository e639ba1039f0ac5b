import { type Header, type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import { type ByteWriter, readSized, sizedLength } from '../byte-writer.ts'

/** Headers of a record are views into the fetch answer; held records must outlive it. */
export function copyHeaders(headers: Headers): Headers {
  if (headers.length === 0) return NO_HEADERS
  return [...headers].map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }))
}

/** Number of bytes that writeHeaders() writes. */
export function headersLength(headers: Headers): number {
  let length = 4
  for (const { key, value } of headers) length += sizedLength(key) + sizedLength(value)
  return length
}

/** Number of headers (4 bytes), then name and value of each, with 4 bytes of length before (-1 for null). */
export function writeHeaders(writer: ByteWriter, headers: Headers): ByteWriter {
  writer.int32(headers.length)
  for (const { key, value } of headers) writer.sized(key).sized(value)
  return writer
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
