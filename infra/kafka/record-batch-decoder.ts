import { type AbortedTransaction, AbortFilter } from '../../runtime/ports/abort-filter.ts'
import type { LogRecord } from '../../runtime/ports/log.ts'
import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import { readInt64 } from './byte-reader.ts'
import { DecompressedTooLargeError, decompress } from './compression.ts'
import { largeBatch, UnreadableRecord } from './large-batch.ts'
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
  readonly bytes: Buffer
  readonly #keyAt: number
  readonly #keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number

  /** An end before its start: null. */
  constructor(
    offset: number,
    timestamp: number,
    headers: Headers,
    bytes: Buffer,
    keyAt: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ) {
    this.offset = offset
    this.timestamp = timestamp
    this.headers = headers
    this.bytes = bytes
    this.#keyAt = keyAt
    this.#keyEnd = keyEnd
    this.valueStart = valueStart
    this.valueEnd = valueEnd
  }

  get key(): Buffer | null {
    return this.#keyEnd < this.#keyAt ? null : this.bytes.subarray(this.#keyAt, this.#keyEnd)
  }

  get value(): Buffer | null {
    return this.valueEnd < this.valueStart ? null : this.bytes.subarray(this.valueStart, this.valueEnd)
  }

  keyText(): string | null {
    return this.#keyEnd < this.#keyAt ? null : this.bytes.toString('utf8', this.#keyAt, this.#keyEnd)
  }

  valueText(): string | null {
    return this.valueEnd < this.valueStart ? null : this.bytes.toString('utf8', this.valueStart, this.valueEnd)
  }
}

/** End of the batch that starts at `at`; `at` itself when it is not there whole. */
function batchEnd(bytes: Buffer, at: number): number {
  if (at + layout.PREFIX > bytes.length) return at
  const end = at + layout.LENGTH_END + bytes.readInt32BE(at + layout.BATCH_LENGTH)
  return end > bytes.length ? at : end
}

/** A batch that comes in parts, as it is too large to be decompressed at once. */
interface LargeBatch {
  readonly parts: AsyncGenerator<LogRecord[]>
  readonly header: BatchHeader
}

/** Decompressed bytes that suffice for one part. */
const ENOUGH_HELD = 1024 * 1024

/**
 * Decodes the record batches of one partition's fetch answer (those that checkBatches() passed), some at a time: control batches and,
 * with `aborted` given (read_committed), records of aborted transactions are left out; records before `position` too (a batch is sent
 * whole); a partial batch at the end is ignored. Keys and values are views into `bytes` or its decompressed batches.
 *
 * A batch costs no other one, whatever is in it: what cannot be decoded comes as one UnreadableRecord. A batch of more than
 * MOST_DECOMPRESSED bytes comes by nextLarge().
 */
export class RecordDecoder {
  readonly #bytes: Buffer
  readonly #filter: AbortFilter
  #at = 0
  #position: number
  #heldBytes = 0
  #large: LargeBatch | null = null

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
    return this.#large === null && batchEnd(this.#bytes, this.#at) === this.#at
  }

  /** The next batch is one for nextLarge(). */
  get isLarge(): boolean {
    return this.#large !== null
  }

  /** Bytes that the records decoded so far hold. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Decodes batches until there are at least so many bytes of them, or no more, or only a large one. */
  next(enoughBytes = Number.POSITIVE_INFINITY): LogRecord[] {
    const bytes = this.#bytes
    const records: LogRecord[] = []
    const enough = this.#at + enoughBytes
    const enoughHeld = enoughBytes === Number.POSITIVE_INFINITY ? enoughBytes : this.#heldBytes + ENOUGH_HELD
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
        this.#decode({ start: at, end, attributes, baseOffset, lastOffset }, records)
        if (this.#large !== null) break
      }
      this.#position = Math.max(this.#position, lastOffset + 1)
      at = end
      if (this.#heldBytes >= enoughHeld) break
    }
    this.#at = at
    return records
  }

  /** The next records of the large batch; [] when that was all of it. */
  async nextLarge(): Promise<LogRecord[]> {
    const large = this.#large
    if (large === null) return []
    const { header, parts } = large
    try {
      const { value, done } = await parts.next()
      const last = done === true ? undefined : value.at(-1)
      if (done !== true && last !== undefined) {
        this.#position = last.offset + 1
        for (const record of value) this.#heldBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
        return value
      }
      this.#endLarge(header)
      return []
    } catch (error) {
      const rest = undecodable(header, this.#position, error)
      this.#endLarge(header)
      return [rest]
    }
  }

  #endLarge({ end, lastOffset }: BatchHeader): void {
    this.#large = null
    this.#at = end
    this.#position = Math.max(this.#position, lastOffset + 1)
  }

  #decode(header: BatchHeader, into: LogRecord[]): void {
    const before = into.length
    try {
      this.#heldBytes += decodeBatch(this.#bytes, header, this.#position, into)
    } catch (error) {
      into.length = before
      if (error instanceof DecompressedTooLargeError) this.#large = { header, parts: this.#partsOf(header) }
      else into.push(undecodable(header, this.#position, error))
    }
  }

  #partsOf(header: BatchHeader): AsyncGenerator<LogRecord[]> {
    const response = this.#bytes
    const position = this.#position
    return largeBatch({
      compression: header.attributes & layout.COMPRESSION_MASK,
      bytes: response.subarray(header.start + layout.RECORDS, header.end),
      count: response.readInt32BE(header.start + layout.RECORD_COUNT),
      decode(bytes) {
        const [record = null] = decodeOne(response, header, bytes, position)
        return record
      },
    })
  }
}

/** Stands for all records of a batch from `position` on. */
function undecodable({ baseOffset, lastOffset }: BatchHeader, position: number, error: unknown): UnreadableRecord {
  const from = Math.max(baseOffset, position)
  const why = error instanceof Error ? error.message : String(error)
  return new UnreadableRecord(
    from,
    0,
    `a record batch, offsets ${from} to ${lastOffset}, that cannot be decoded: ${why}`,
  )
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

/** The part in front of a batch's records, and where in the answer it is. */
interface BatchHeader {
  readonly start: number
  readonly end: number
  readonly attributes: number
  readonly baseOffset: number
  readonly lastOffset: number
}

/** Length, attributes, two deltas, two lengths and a count of headers, a byte each. */
const LEAST_RECORD = 7

/** Gives how many bytes the records hold. @throws DecompressedTooLargeError; RangeError for what is no batch */
function decodeBatch(response: Buffer, header: BatchHeader, position: number, into: LogRecord[]): number {
  const { start, end, attributes } = header
  const count = response.readInt32BE(start + layout.RECORD_COUNT)
  const compression = attributes & layout.COMPRESSION_MASK
  const from = start + layout.RECORDS
  const bytes = compression === 0 ? response : decompress(compression, response.subarray(from, end))
  const at = compression === 0 ? from : 0
  const to = compression === 0 ? end : bytes.length
  if (count < 0 || count * LEAST_RECORD > to - at) throw new RangeError(`${to - at} bytes cannot be ${count} records`)
  const read = decodeRecordsAt(response, header, { bytes, at, count }, position, into)
  if (read !== to) throw new RangeError('its records do not end where it does')
  return to - at
}

function decodeOne(response: Buffer, header: BatchHeader, bytes: Buffer, position: number): LogRecord[] {
  const into: LogRecord[] = []
  decodeRecordsAt(response, header, { bytes, at: 0, count: 1 }, position, into)
  return into
}

/** Reads `count` records of a batch; gives where the last one ends. */
function decodeRecordsAt(
  response: Buffer,
  { start, attributes, baseOffset }: BatchHeader,
  records: { readonly bytes: Buffer; readonly at: number; readonly count: number },
  position: number,
  into: LogRecord[],
): number {
  const { bytes, count } = records
  let { at } = records
  const baseTimestamp = readInt64(response, start + layout.BASE_TIMESTAMP)
  // LogAppendTime: the broker's time stands in the batch header, for all its records.
  const appendTime = attributes & layout.LOG_APPEND_TIME ? readInt64(response, start + layout.MAX_TIMESTAMP) : null

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
  return at
}
