import type { LogRecord } from '../../runtime/ports/log.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import { decompressedPieces, MOST_DECOMPRESSED } from './compression.ts'
import { varintSize, writeVarint } from './varints.ts'

/** A record that exists and cannot be read: only its place is known. Readers find the reason in `failure`. */
export class UnreadableRecord implements LogRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key = null
  readonly value = null
  readonly headers = NO_HEADERS
  readonly failure: InvalidRecordError

  constructor(offset: number, timestamp: number, why: string) {
    this.offset = offset
    this.timestamp = timestamp
    this.failure = new InvalidRecordError('unreadable', why)
  }
}

/** Enough of a record to know its offset and time. */
const HEAD_BYTES = 32

export interface LargeBatchOptions {
  readonly compression: number
  readonly bytes: Buffer
  /** How many records the batch says to have. */
  readonly count: number
  /** Reads the record at the beginning of `bytes`, or as much as its first bytes hold; null when it is not wanted. */
  readonly decode: (bytes: Buffer) => LogRecord | null
}

/*
 * The records of a batch that is too large to be decompressed at once, some at a time.
 * 1. Of what is decompressed, one piece and one record are held, and the records of a part: of MOST_DECOMPRESSED bytes together.
 * 2. A record that is larger than this itself is skipped over and comes as an UnreadableRecord: it costs no other one.
 */
export async function* largeBatch(options: LargeBatchOptions): AsyncGenerator<LogRecord[]> {
  let part: LogRecord[] = []
  let partBytes = 0
  let left = options.count
  const records = new RecordSplitter()
  for await (const piece of decompressedPieces(options.compression, options.bytes)) {
    for (const { bytes, length } of records.split(piece)) {
      left--
      const record = options.decode(bytes)
      if (record === null) continue
      if (length > MOST_DECOMPRESSED) {
        const why = `a compressed record of ${length} bytes: at most ${MOST_DECOMPRESSED} can be read`
        part.push(new UnreadableRecord(record.offset, record.timestamp, why))
      } else {
        part.push(record)
        partBytes += length
      }
      if (partBytes < MOST_DECOMPRESSED / 2) continue
      yield part
      part = []
      partBytes = 0
    }
  }
  if (part.length > 0) yield part
  if (left !== 0) throw new RangeError(`the batch has ${options.count - left} records, not ${options.count}`)
}

interface Split {
  /** The record after its length; only its first bytes when it is too large. */
  readonly bytes: Buffer
  readonly length: number
}

/** Cuts a stream of records, each behind a varint of its length, into records. */
class RecordSplitter {
  #length = -1
  #varint = 0
  #factor = 1
  #held: Buffer[] = []
  #heldBytes = 0
  #passed = 0

  #hold(bytes: Buffer): void {
    const most = this.#length > MOST_DECOMPRESSED ? HEAD_BYTES : this.#length
    const kept = bytes.subarray(0, most - this.#heldBytes)
    // Copied, because the piece is released.
    if (kept.length > 0) this.#held.push(Buffer.from(kept))
    this.#heldBytes += kept.length
  }

  *split(piece: Buffer): Generator<Split> {
    let at = 0
    while (at < piece.length) {
      if (this.#length < 0) at = this.#readLength(piece, at)
      if (this.#length < 0) return
      const end = Math.min(piece.length, at + this.#length - this.#passed)
      this.#hold(piece.subarray(at, end))
      this.#passed += end - at
      at = end
      if (this.#passed < this.#length) return
      yield { bytes: Buffer.concat([varint(this.#length), ...this.#held]), length: this.#length }
      this.#length = -1
      this.#held = []
      this.#heldBytes = 0
      this.#passed = 0
    }
  }

  #readLength(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; ) {
      const byte = piece[at++] as number
      this.#varint += (byte & 0x7f) * this.#factor
      this.#factor *= 128
      if (byte >= 0x80) continue
      this.#length = this.#varint / 2
      this.#varint = 0
      this.#factor = 1
      if (!Number.isInteger(this.#length)) throw new RangeError('a record has a negative length')
      return at
    }
    return piece.length
  }
}

function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(varintSize(value))
  writeVarint(bytes, 0, value)
  return bytes
}
