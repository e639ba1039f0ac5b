import { InvalidRecordError } from '../../state/ports/errors.ts'
import { type Headers, lastHeader } from '../../state/ports/headers.ts'

/** Names a schema: the registry's number, or its GUID. */
export type SchemaId = number | string

/** A record's schema and value. */
export interface IdentifiedBytes {
  readonly id: SchemaId
  /** The value as the format reads it: for protobuf with the place of the message before it. */
  readonly body: Buffer
}

const NUMBER = 0
const GUID = 1
const NUMBER_BYTES = 4
const GUID_BYTES = 16

/*
 * Confluent's wire format. A 0 and a number in 4 bytes, or a 1 and a GUID in 16 bytes, name the schema. They stand before the value, or
 * in a header of the record (then nothing stands before the value). A header goes before bytes.
 */

/** @throws InvalidRecordError */
export function identified(header: string, bytes: Buffer, headers: Headers | undefined): IdentifiedBytes {
  const inHeader = headers === undefined ? null : (lastHeader(headers, header) ?? null)
  if (inHeader === null) {
    const said = readId(bytes)
    if (said === null) throw new InvalidRecordError('schema', 'the bytes do not begin with a 0 and the id of a schema')
    return { id: said.id, body: bytes.subarray(said.end) }
  }
  const said = readId(inHeader)
  if (said === null) throw new InvalidRecordError('schema', `header ${header} holds no id of a schema`)
  const place = inHeader.subarray(said.end)
  return { id: said.id, body: place.length === 0 ? bytes : Buffer.concat([place, bytes]) }
}

/** The id alone; null: the record does not say. */
export function idOf(header: string, bytes: Buffer, headers: Headers | undefined): SchemaId | null {
  const said = headers === undefined ? null : (lastHeader(headers, header) ?? null)
  return readId(said ?? bytes)?.id ?? null
}

export function writeId(id: SchemaId): Buffer {
  if (typeof id === 'string') return Buffer.concat([Buffer.of(GUID), Buffer.from(id.replaceAll('-', ''), 'hex')])
  const bytes = Buffer.alloc(1 + NUMBER_BYTES)
  bytes.writeInt32BE(id, 1)
  return bytes
}

function readId(bytes: Buffer): { readonly id: SchemaId; readonly end: number } | null {
  if (bytes[0] === NUMBER && bytes.length > NUMBER_BYTES) return { id: bytes.readInt32BE(1), end: 1 + NUMBER_BYTES }
  if (bytes[0] !== GUID || bytes.length <= GUID_BYTES) return null
  return { id: guidOf(bytes.subarray(1)), end: 1 + GUID_BYTES }
}

/** The text of a GUID: that of the first 16 bytes. */
export function guidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, GUID_BYTES)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
