import type { AbortedTransaction } from '../../runtime/ports/abort-filter.ts'
import { ByteReader } from './byte-reader.ts'
import { createAPI, type Reader, Writer } from './protocol.ts'

export interface FetchRequestPartition {
  readonly partition: number
  readonly position: number
}

export interface FetchRequestTopic {
  readonly topicId: string
  readonly partitions: readonly FetchRequestPartition[]
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly readCommitted: boolean
  /** Rack of the reader; empty: it has none. */
  readonly rack: string
  readonly topics: readonly FetchRequestTopic[]
}

export interface FetchAnswerPartition {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  /** -1 when the answer is an error. */
  readonly lastStableOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Node id of a replica to read from, because it is nearer; -1: read on here. Such an answer of a leader has no records. */
  readonly preferredReplica: number
  /** Unchanged record batches: a view into the response. */
  readonly records: Buffer
}

export interface FetchAnswer {
  readonly errorCode: number
  readonly partitions: readonly FetchAnswerPartition[]
}

const NO_RECORDS = Buffer.alloc(0)
const NO_SESSION_EPOCH = -1

function createRequest(request: FetchRequest): Writer {
  return Writer.create()
    .appendInt32(request.maxWaitMs)
    .appendInt32(request.minBytes)
    .appendInt32(request.maxBytes)
    .appendInt8(request.readCommitted ? 1 : 0)
    .appendInt32(0) // no fetch session: every request names all its partitions
    .appendInt32(NO_SESSION_EPOCH)
    .appendArray([...request.topics], (w, topic) => {
      w.appendUUID(topic.topicId).appendArray([...topic.partitions], (p, { partition, position }) => {
        p.appendInt32(partition)
          .appendInt32(-1) // leader epoch: not tracked
          .appendInt64(BigInt(position))
          .appendInt32(-1) // last fetched epoch
          .appendInt64(-1n) // log start offset: for followers
          .appendInt32(request.partitionMaxBytes)
      })
    })
    .appendArray([], () => undefined) // forgotten topics: of sessions
    .appendString(request.rack)
    .appendTaggedFields()
}

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, library: Reader): FetchAnswer {
  // The response arrives in socket-sized pieces; one copy makes it contiguous, and all records are views into it.
  const reader = new ByteReader(library.buffer.buffer)
  reader.int32() // throttle time
  const errorCode = reader.int16()
  reader.int32() // session id
  const partitions: FetchAnswerPartition[] = []
  for (let topics = reader.compactLength(); topics > 0; topics--) {
    const topicId = reader.uuid()
    for (let count = reader.compactLength(); count > 0; count--) partitions.push(parsePartition(reader, topicId))
    reader.skipTaggedFields()
  }
  reader.skipTaggedFields()
  reader.end()
  return { errorCode, partitions }
}

function parsePartition(reader: ByteReader, topicId: string): FetchAnswerPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  reader.int64() // log start offset
  const aborted: AbortedTransaction[] = []
  for (let count = reader.compactLength(); count > 0; count--) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() })
    reader.skipTaggedFields()
  }
  const preferredReplica = reader.int32()
  const length = reader.compactLength()
  const records = length > 0 ? reader.view(length) : NO_RECORDS
  reader.skipTaggedFields()
  return { topicId, partition, errorCode, highWatermark, lastStableOffset, aborted, preferredReplica, records }
}

/** Fetch v16 (Kafka 3.7+) without the library's eager record objects: records stay bytes until they are wanted. */
export const fetchV16 = createAPI<[FetchRequest], FetchAnswer>(1, 16, createRequest, parseResponse)
