import { ByteReader } from './byte-reader.ts'
import { type API, createAPI, endTxnV4, type Reader, txnOffsetCommitV4 } from './protocol.ts'

/*
 * Requests of transaction.version 2 (KIP-890 part 2, Kafka 4.0+), which the library does not have: partitions and
 * groups join the transaction with the first write, and EndTxn gives the epoch of the next transaction.
 */

export interface EndTxnAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

function parseEndTxn(_correlationId: number, _key: number, _version: number, library: Reader): EndTxnAnswer {
  const reader = new ByteReader(library.buffer.buffer)
  reader.int32() // throttle time
  const answer = { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  reader.skipTaggedFields()
  reader.end()
  return answer
}

export const endTxnV5 = createAPI<Parameters<typeof endTxnV4.createRequest>, EndTxnAnswer>(
  26,
  5,
  endTxnV4.createRequest,
  parseEndTxn,
)

/** Same bytes as v4. */
export const txnOffsetCommitV5: API<
  Parameters<typeof txnOffsetCommitV4.createRequest>,
  ReturnType<typeof txnOffsetCommitV4.parseResponse>
> = createAPI(28, 5, txnOffsetCommitV4.createRequest, txnOffsetCommitV4.parseResponse)
