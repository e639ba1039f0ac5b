import { ByteReader } from './byte-reader.ts'
import { createAPI, type Reader, Writer } from './protocol.ts'

export interface ProducePartition {
  readonly partition: number
  /** Exactly one record batch. */
  readonly batch: Buffer
}

export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly topics: ReadonlyArray<{ readonly name: string; readonly partitions: readonly ProducePartition[] }>
}

export interface ProduceAnswerPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Offset of the batch's first record; -1 when the answer is an error. */
  readonly baseOffset: number
  readonly errorMessage: string | null
}

const ACKS_ALL = -1

function createRequest(request: ProduceRequest): Writer {
  return Writer.create()
    .appendString(request.transactionalId)
    .appendInt16(ACKS_ALL)
    .appendInt32(request.timeoutMs)
    .appendArray([...request.topics], (w, topic) => {
      w.appendString(topic.name).appendArray([...topic.partitions], (p, { partition, batch }) => {
        p.appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch)
      })
    })
    .appendTaggedFields()
}

function parseResponse(_correlationId: number, _key: number, _version: number, library: Reader) {
  const reader = new ByteReader(library.buffer.buffer)
  const partitions: ProduceAnswerPartition[] = []
  for (let topics = reader.compactLength(); topics > 0; topics--) {
    const topic = reader.compactString() ?? ''
    for (let count = reader.compactLength(); count > 0; count--) partitions.push(parsePartition(reader, topic))
    reader.skipTaggedFields()
  }
  reader.int32() // throttle time
  reader.skipTaggedFields()
  reader.end()
  return partitions as readonly ProduceAnswerPartition[]
}

function parsePartition(reader: ByteReader, topic: string): ProduceAnswerPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const baseOffset = reader.int64()
  reader.int64() // log append time
  reader.int64() // log start offset
  for (let count = reader.compactLength(); count > 0; count--) {
    reader.int32() // index of a refused record
    reader.compactString()
    reader.skipTaggedFields()
  }
  const errorMessage = reader.compactString()
  reader.skipTaggedFields()
  return { topic, partition, errorCode, baseOffset, errorMessage }
}

/** Produce request for record batches that are already encoded. */
export const produceV11 = createAPI<[ProduceRequest], readonly ProduceAnswerPartition[]>(
  0,
  11,
  createRequest,
  parseResponse,
)

/** The same bytes; the version tells a broker with transaction.version 2 to add the partition to the transaction. */
export const produceV12 = createAPI<[ProduceRequest], readonly ProduceAnswerPartition[]>(
  0,
  12,
  createRequest,
  parseResponse,
)
