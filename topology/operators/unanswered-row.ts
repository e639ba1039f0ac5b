import type { Headers } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { CallSource, UnansweredCall } from '../async-call.ts'
import { ByteWriter, readLong, readSized, sizedLength } from '../byte-writer.ts'
import { preparedWith } from '../serde-around.ts'
import { headersLength, readHeaders, writeHeaders } from './headers-codec.ts'

/** A record that waits for an answer, as its store keeps it: everything as bytes. */
export interface UnansweredRow {
  /** The input record behind it; null: a punctuator or a flush sent it. */
  readonly source: CallSource | null
  readonly index: number
  readonly timestamp: number
  readonly headers: Headers
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** The call that waits in a row of that node in that partition. */
export function callInRow(
  node: string,
  nodePartition: number,
  sequence: number,
  bytes: Buffer,
  { source, index, key }: Pick<UnansweredRow, 'source' | 'index' | 'key'> = readRow(bytes),
): UnansweredCall {
  const { topic, partition, offset } = source ?? { topic: node, partition: nodePartition, offset: -1 }
  // Without an input record the sequence is what tells calls apart.
  const number = source === null ? sequence : index
  return {
    ...{ sequence, row: bytes, topic, partition, offset, index: number },
    key: key === null ? null : key.toString('latin1'),
  }
}

/** The input record behind a call; its own record when there is none. */
export function sourceInRow({ row, topic, partition, offset }: UnansweredCall): CallSource {
  const { source, timestamp, headers, key, value } = readRow(row)
  return source ?? { topic, partition, offset, timestamp, headers, key, value }
}

const VERSION = 1
const HAS_SOURCE = 1
/** Key, value and headers of the input record are not those of the row. */
const HAS_OTHER_BYTES = 2
/** Version, flags, index, timestamp. */
const HEAD_BYTES = 14
/** Partition, offset, timestamp. */
const PLACE_BYTES = 20

/**
 * Version and flags (1 byte each), index (4), timestamp (8), headers, key, value. Then, for a row with an input record: topic, partition
 * (4), offset (8), timestamp (8), and its headers, key and value where they are others.
 */
export function writeRow({ source, index, timestamp, headers, key, value }: UnansweredRow): Buffer {
  const isOther =
    source !== null &&
    !(isSame(source.key, key) && isSame(source.value, value) && hasSameHeaders(source.headers, headers))
  const body = { headers, key, value }
  const length =
    HEAD_BYTES +
    bodyLength(body) +
    (source === null ? 0 : sizedLength(source.topic) + PLACE_BYTES) +
    (isOther ? bodyLength(source) : 0)
  const writer = new ByteWriter(length)
  writer.int8(VERSION).int8((source === null ? 0 : HAS_SOURCE) | (isOther ? HAS_OTHER_BYTES : 0))
  writer.int32(index).int64(timestamp)
  writeBody(writer, body)
  if (source !== null) writer.sized(source.topic).int32(source.partition).int64(source.offset).int64(source.timestamp)
  if (isOther) writeBody(writer, source)
  return writer.bytes
}

/** @throws RangeError for bytes that are no row, or one of a later version */
export function readRow(bytes: Buffer): UnansweredRow {
  const version = bytes.readUInt8(0)
  if (version !== VERSION) throw new RangeError(`a row of version ${version} is not known here`)
  const flags = bytes.readUInt8(1)
  const [body, behindBody] = readBody(bytes, HEAD_BYTES)
  const row = { source: null, index: bytes.readInt32BE(2), timestamp: readLong(bytes, 6), ...body }
  if ((flags & HAS_SOURCE) === 0) return row
  const [topic, at] = readSized(bytes, behindBody)
  const [own] = (flags & HAS_OTHER_BYTES) === 0 ? [body] : readBody(bytes, at + PLACE_BYTES)
  const source = {
    topic: String(topic),
    partition: bytes.readInt32BE(at),
    offset: readLong(bytes, at + 4),
    timestamp: readLong(bytes, at + 12),
    ...own,
  }
  return { ...row, source }
}

/** Keys of the rows: the sequence, 8 bytes, so that byte order is the order of the records. */
export const sequenceSerde: Serde<number> = {
  name: 'sequence',
  serialize: (_topic, sequence) => new ByteWriter(8).int64(sequence).bytes,
  deserialize: (_topic, bytes) => readLong(bytes, 0),
}

/** Rows as the bytes they are, prepared as the serdes of the record in them are. */
export function rowSerde(keySerde: Serde<unknown>, valueSerde: Serde<unknown>): Serde<Buffer> {
  const serde: Serde<Buffer> = {
    name: 'unanswered call',
    serialize: (_topic, row) => row,
    deserialize: (_topic, bytes) => Buffer.from(bytes),
  }
  if (keySerde.prepareRecords !== undefined || valueSerde.prepareRecords !== undefined) {
    serde.prepareRecords = (topic, rows) => prepareInner(keySerde, valueSerde, topic, rows)
  }
  return preparedWith(serde, [keySerde, valueSerde])
}

function prepareInner(
  keySerde: Serde<unknown>,
  valueSerde: Serde<unknown>,
  topic: string,
  rows: readonly Buffer[],
): Promise<void> | null {
  const keys: Buffer[] = []
  const values: Buffer[] = []
  for (const bytes of rows) {
    const { key, value } = readRow(bytes)
    if (key !== null) keys.push(key)
    if (value !== null) values.push(value)
  }
  const ofKeys = keySerde.prepareRecords?.(topic, keys) ?? null
  const ofValues = valueSerde.prepareRecords?.(topic, values) ?? null
  return ofKeys === null && ofValues === null ? null : Promise.all([ofKeys, ofValues]).then(() => undefined)
}

type Body = Pick<UnansweredRow, 'headers' | 'key' | 'value'>

function bodyLength({ headers, key, value }: Body): number {
  return headersLength(headers) + sizedLength(key) + sizedLength(value)
}

function writeBody(writer: ByteWriter, { headers, key, value }: Body): void {
  writeHeaders(writer, headers).sized(key).sized(value)
}

function readBody(bytes: Buffer, offset: number): readonly [body: Body, next: number] {
  const [headers, behindHeaders] = readHeaders(bytes, offset)
  const [key, behindKey] = readSized(bytes, behindHeaders)
  const [value, next] = readSized(bytes, behindKey)
  return [{ headers, key, value }, next]
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function hasSameHeaders(a: Headers, b: Headers): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  const others = [...b]
  return [...a].every(({ key, value }, i) => key === others[i]?.key && isSame(value, others[i]?.value ?? null))
}
