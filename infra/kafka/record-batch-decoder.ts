import { type AbortedTransaction, AbortFilter } from '../../runtime/ports/abort-filter.ts'
import type { LogRecord } from '../../runtime/ports/log.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import { readInt64 } from './byte-reader.ts'
import { decompress } from './compression.ts'
import * as layout from './record-batch.ts'
import { RecordHeaders } from './record-headers.ts'

/**
 * One record; a class so that all records share one hidden class. Views of key and value are made when they are asked for,
 * and not kept: thousands of records wait in the queues, and what is not there need not be copied by the garbage collector.
 */
class DecodedRecord implements LogRecord {
  readonly offset: number
  readonly timestamp: number
  readonly headers: Headers
  readonly #bytes: Buffer
  readonly #keyAt: number
  readonly #keyEnd: number
  readonly #valueAt: number
  readonly #valueEnd: number

  /** An end before its start: null. */
  constructor(
    offset: number,
    timestamp: number,
    headers: Headers,
    bytes: Buffer,
    keyAt: number,
    keyEnd: number,
    valueAt: number,
    valueEnd: number,
  ) {
    this.offset = offset
    this.timestamp = timestamp
    this.headers = headers
    this.#bytes = bytes
    this.#keyAt = keyAt
    this.#keyEnd = keyEnd
    this.#valueAt = valueAt
    this.#valueEnd = valueEnd
  }

  get key(): Buffer | null {
    return this.#keyEnd < this.#keyAt ? null : this.#bytes.subarray(this.#keyAt, this.#keyEnd)
  }

  get value(): Buffer | null {
    return this.#valueEnd < this.#valueAt ? null : this.#bytes.subarray(this.#valueAt, this.#valueEnd)
  }

  keyText(): string | null {
    return this.#keyEnd < this.#keyAt ? null : this.#bytes.toString('utf8', this.#keyAt, this.#keyEnd)
  }

  valueText(): string | null {
    return this.#valueEnd < this.#valueAt ? null : this.#bytes.toString('utf8', this.#valueAt, this.#valueEnd)
  }
}

/** End of the batch that starts at `at`; `at` itself when it is not there whole. */
function batchEnd(bytes: Buffer, at: number): number {
  if (at + layout.PREFIX > bytes.length) return at
  const end = at + layout.LENGTH_END + bytes.readInt32BE(at + layout.BATCH_LENGTH)
  return end > bytes.length ? at : end
}

/**
 * Decodes the record batches of one partition's fetch answer (those that checkBatches() passed), some at a time: control batches and, with `aborted` given
 * (read_committed), records of aborted transactions are left out; records before `position` too (a batch is sent
 * whole); a partial batch at the end is ignored. Keys and values are views into `bytes` or its decompressed batches.
 */
export class RecordDecoder {
  readonly #bytes: Buffer
  readonly #filter: AbortFilter
  #at = 0
  #position: number

  constructor(bytes: Buffer, position: number, aborted: readonly AbortedTransaction[] | null) {
    this.#bytes = bytes
    this.#position = position
    this.#filter = new AbortFilter(aborted ?? [])
  }

  /** Offset behind what has been decoded. */
  get position(): number {
    return this.#position
  }

  get isDone(): boolean {
    return batchEnd(this.#bytes, this.#at) === this.#at
  }

  /** Bytes of `bytes` that have been decoded. */
  get bytesDone(): number {
    return this.#at
  }

  /** Decodes batches until there are at least so many bytes of them, or no more. */
  next(enoughBytes = Number.POSITIVE_INFINITY): LogRecord[] {
    const bytes = this.#bytes
    const records: LogRecord[] = []
    const enough = this.#at + enoughBytes
    let at = this.#at
    for (let end = batchEnd(bytes, at); end > at && at < enough; end = batchEnd(bytes, at)) {
      const attributes = bytes.readInt16BE(at + layout.ATTRIBUTES)
      const baseOffset = readInt64(bytes, at)
      const lastOffset = baseOffset + bytes.readInt32BE(at + layout.LAST_OFFSET_DELTA)
      const keep = this.#filter.keep({
        producerId: readInt64(bytes, at + layout.PRODUCER_ID),
        lastOffset,
        transactional: (attributes & layout.TRANSACTIONAL) !== 0,
        marker: attributes & layout.CONTROL ? markerOf(bytes, at, end) : null,
      })
      if (keep && lastOffset >= this.#position) {
        decodeBatch(bytes, at, end, attributes, baseOffset, this.#position, records)
      }
      this.#position = Math.max(this.#position, lastOffset + 1)
      at = end
    }
    this.#at = at
    return records
  }
}

/** All records at once. */
export function decodeRecords(
  bytes: Buffer,
  position: number,
  aborted: readonly AbortedTransaction[] | null,
): LogRecord[] {
  return new RecordDecoder(bytes, position, aborted).next()
}

function markerOf(bytes: Buffer, batch: number, end: number): 'abort' | 'commit' | 'other' {
  // One record: length, attributes, timestamp delta, offset delta, key length are a byte each, save the length's own
  // varint and the timestamp's; so walk them. The key is version int16, type int16.
  const cursor = { at: batch + layout.RECORDS }
  if (cursor.at >= end) return 'other'
  skipVarint(bytes, cursor)
  cursor.at++
  skipVarint(bytes, cursor)
  skipVarint(bytes, cursor)
  skipVarint(bytes, cursor)
  const type = bytes.readInt16BE(cursor.at + 2)
  return type === layout.ABORT_MARKER ? 'abort' : type === layout.COMMIT_MARKER ? 'commit' : 'other'
}

function skipVarint(bytes: Buffer, cursor: { at: number }): void {
  while ((bytes[cursor.at++] as number) >= 0x80);
}

function decodeBatch(
  response: Buffer,
  batch: number,
  end: number,
  attributes: number,
  baseOffset: number,
  position: number,
  into: LogRecord[],
): void {
  const count = response.readInt32BE(batch + layout.RECORD_COUNT)
  const baseTimestamp = readInt64(response, batch + layout.BASE_TIMESTAMP)
  // LogAppendTime: the broker's time stands in the batch header, for all its records.
  const appendTime = attributes & layout.LOG_APPEND_TIME ? readInt64(response, batch + layout.MAX_TIMESTAMP) : null
  const compression = attributes & layout.COMPRESSION_MASK
  const bytes = compression === 0 ? response : decompress(compression, response.subarray(batch + layout.RECORDS, end))
  let at = compression === 0 ? batch + layout.RECORDS : 0

  // Varints are read in line: this loop runs for every record of the input.
  for (let i = 0; i < count; i++) {
    let byte = bytes[at++] as number
    let value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
    }
    const next = at + ((value >>> 1) ^ -(value & 1))
    at++ // record attributes: unused

    byte = bytes[at++] as number
    let timestampDelta = byte & 0x7f
    for (let factor = 128; byte >= 0x80; factor *= 128) {
      byte = bytes[at++] as number
      timestampDelta += (byte & 0x7f) * factor
    }
    timestampDelta = timestampDelta % 2 === 0 ? timestampDelta / 2 : -(timestampDelta + 1) / 2

    byte = bytes[at++] as number
    value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
    }
    const offset = baseOffset + ((value >>> 1) ^ -(value & 1))
    if (offset < position) {
      at = next
      continue
    }

    byte = bytes[at++] as number
    value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
    }
    let length = (value >>> 1) ^ -(value & 1)
    const keyAt = at
    const keyEnd = at + length
    if (length > 0) at = keyEnd

    byte = bytes[at++] as number
    value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
    }
    length = (value >>> 1) ^ -(value & 1)
    const valueAt = at
    const valueEnd = at + length
    if (length > 0) at = valueEnd

    byte = bytes[at++] as number
    value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
    }
    const headerCount = (value >>> 1) ^ -(value & 1)
    const headers = headerCount === 0 ? NO_HEADERS : new RecordHeaders(headerCount, bytes, at, next)
    const timestamp = appendTime ?? baseTimestamp + timestampDelta
    into.push(new DecodedRecord(offset, timestamp, headers, bytes, keyAt, keyEnd, valueAt, valueEnd))
    at = next
  }
}
