import { crc32c } from '@node-rs/crc32'
import { RecordTooLargeError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serialized } from '../../state/ports/serde.ts'
import { writeInt64 } from './byte-reader.ts'
import { type Compression, compress, compressionCode, MOST_DECOMPRESSED } from './compression.ts'
import { HeaderEncoder } from './header-encoder.ts'
import * as layout from './record-batch.ts'
import { textLength, varintSize, varlongSize, writeText, writeVarint, writeVarlong } from './varints.ts'

/** Producer session that a batch is sent in. */
export interface BatchProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly transactional: boolean
}

/** Most bytes of record batches. */
export interface BatchLimits {
  /** Most bytes of a batch of several records. */
  readonly maxBatchBytes: number
  /** Topic -> most bytes of any batch there, as far as known. */
  readonly topics: ReadonlyMap<string, number>
}

interface SealedBatch {
  readonly start: number
  readonly end: number
  readonly count: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
}

const INITIAL_BYTES = 16 * 1024

/*
 * Encodes the records of one partition, at once and synchronously, into record batches v2.
 * 1. #bytes holds sealed batches [start, end) one behind the other, then the open one, each with room for its header.
 * 2. No batch is longer than the limits say before compression, except one that holds a single longer record, if the topic's
 *    limit is not known.
 * 3. Header, checksum and compression come in `encode`, because producer id, epoch and sequence are known at send time.
 */
export class PartitionEncoder {
  #bytes: Buffer
  #start = 0
  #position = layout.RECORDS
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  readonly #topic: string
  readonly #maxBatchBytes: number
  /** The topic's limit, and the part of it that a record's payload may always take. */
  readonly #maxBytes: number
  readonly #maxPayload: number
  readonly #sealed: SealedBatch[] = []
  readonly #headers = new HeaderEncoder()

  constructor(topic: string, { maxBatchBytes, topics }: BatchLimits, reuse?: Buffer | undefined) {
    this.#topic = topic
    // The broker judges compressed batches. But nothing is written that no reader would take.
    this.#maxBytes = topics.get(topic) ?? MOST_DECOMPRESSED
    this.#maxBatchBytes = Math.min(maxBatchBytes, this.#maxBytes)
    this.#maxPayload = this.#maxBytes - aloneBytes(0) - 4
    this.#bytes = reuse ?? Buffer.allocUnsafe(INITIAL_BYTES)
  }

  /** Appends one record; gives the number of bytes it took. @throws RecordTooLargeError and appends nothing */
  append(key: Serialized | null, value: Serialized | null, timestamp: number, headers: Headers): number {
    const headerBytes = this.#headers.encode(headers)
    const keyLength = lengthOf(key)
    const valueLength = lengthOf(value)
    const payload =
      1 + // attributes
      varintSize(keyLength) +
      Math.max(keyLength, 0) +
      varintSize(valueLength) +
      Math.max(valueLength, 0) +
      varintSize(headers.length) +
      headerBytes
    if (payload > this.#maxPayload && aloneBytes(payload) > this.#maxBytes) {
      throw new RecordTooLargeError(this.#topic, aloneBytes(payload), this.#maxBytes)
    }
    const most = payload + 20 // length, timestamp and offset deltas at their longest
    if (this.#count > 0 && this.#position - this.#start + most > this.#maxBatchBytes) this.#seal()
    if (this.#count === 0) {
      this.#baseTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.#reserve(most)

    const bytes = this.#bytes
    const begin = this.#position
    const delta = timestamp - this.#baseTimestamp
    let position = writeVarint(bytes, begin, payload + varlongSize(delta) + varintSize(this.#count))
    bytes[position++] = 0
    position = writeVarlong(bytes, position, delta)
    position = writeVarint(bytes, position, this.#count)
    position = writeVarint(bytes, position, keyLength)
    if (key !== null) position = writeSerialized(bytes, position, key, keyLength)
    position = writeVarint(bytes, position, valueLength)
    if (value !== null) position = writeSerialized(bytes, position, value, valueLength)
    position = writeVarint(bytes, position, headers.length)
    if (headerBytes > 0) position += this.#headers.bytes.copy(bytes, position, this.#headers.start, this.#headers.end)
    this.#position = position
    this.#count++
    return position - begin
  }

  /** Ends the open batch; gives the number of batches. Nothing may be appended afterwards. */
  finish(): number {
    if (this.#count > 0) this.#seal()
    return this.#sealed.length
  }

  recordsOf(batch: number): number {
    return (this.#sealed[batch] as SealedBatch).count
  }

  /** Uncompressed. */
  bytesOf(batch: number): number {
    const { start, end } = this.#sealed[batch] as SealedBatch
    return end - start
  }

  /** Bytes of a finished batch as they go on the wire: a view into this encoder, or a compressed copy. */
  encode(batch: number, producer: BatchProducer, baseSequence: number, compression: Compression): Buffer {
    const sealed = this.#sealed[batch] as SealedBatch
    let bytes = this.#bytes.subarray(sealed.start, sealed.end)
    let code = 0
    if (compression !== 'none') {
      const records = bytes.subarray(layout.RECORDS)
      const compressed = compress(compression, records)
      if (compressed.length < records.length) {
        bytes = Buffer.allocUnsafe(layout.RECORDS + compressed.length)
        compressed.copy(bytes, layout.RECORDS)
        code = compressionCode(compression)
      }
    }
    writeInt64(bytes, 0, layout.BASE_OFFSET)
    bytes.writeInt32BE(bytes.length - layout.LENGTH_END, layout.BATCH_LENGTH)
    bytes.writeInt32BE(-1, layout.PARTITION_LEADER_EPOCH)
    bytes[layout.MAGIC] = 2
    bytes.writeInt16BE(code | (producer.transactional ? layout.TRANSACTIONAL : 0), layout.ATTRIBUTES)
    bytes.writeInt32BE(sealed.count - 1, layout.LAST_OFFSET_DELTA)
    writeInt64(bytes, sealed.baseTimestamp, layout.BASE_TIMESTAMP)
    writeInt64(bytes, sealed.maxTimestamp, layout.MAX_TIMESTAMP)
    writeInt64(bytes, producer.producerId, layout.PRODUCER_ID)
    bytes.writeInt16BE(producer.producerEpoch, layout.PRODUCER_EPOCH)
    bytes.writeInt32BE(baseSequence, layout.BASE_SEQUENCE)
    bytes.writeInt32BE(sealed.count, layout.RECORD_COUNT)
    bytes.writeUInt32BE(crc32c(bytes.subarray(layout.ATTRIBUTES)), layout.CRC)
    return bytes
  }

  /** The memory, for the next encoder. This one must not be used afterwards. */
  release(): Buffer {
    return this.#bytes
  }

  #seal(): void {
    this.#sealed.push({
      start: this.#start,
      end: this.#position,
      count: this.#count,
      baseTimestamp: this.#baseTimestamp,
      maxTimestamp: this.#maxTimestamp,
    })
    this.#start = this.#position
    this.#position += layout.RECORDS
    this.#count = 0
  }

  #reserve(size: number): void {
    const needed = this.#position + size
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#position)
    this.#bytes = grown
  }
}

/** Bytes of a batch that holds one record: behind the length come one byte each for the deltas of time and offset. */
function aloneBytes(payload: number): number {
  const body = payload + 2
  return layout.RECORDS + varintSize(body) + body
}

function lengthOf(serialized: Serialized | null): number {
  if (serialized === null) return -1
  return typeof serialized === 'string' ? textLength(serialized) : serialized.length
}

function writeSerialized(bytes: Buffer, position: number, serialized: Serialized, length: number): number {
  if (typeof serialized === 'string') return writeText(bytes, position, serialized, length)
  return position + serialized.copy(bytes, position)
}
