/*
 * Layout of a record batch v2 (KIP-98), byte positions from the batch's start. Written by record-batch-encoder.ts,
 * read by record-batch-decoder.ts. The checksum covers everything from ATTRIBUTES on.
 */
export const BASE_OFFSET = 0
export const BATCH_LENGTH = 8
export const PARTITION_LEADER_EPOCH = 12
export const MAGIC = 16
export const CRC = 17
export const ATTRIBUTES = 21
export const LAST_OFFSET_DELTA = 23
export const BASE_TIMESTAMP = 27
export const MAX_TIMESTAMP = 35
export const PRODUCER_ID = 43
export const PRODUCER_EPOCH = 51
export const BASE_SEQUENCE = 53
export const RECORD_COUNT = 57
export const RECORDS = 61

/** The length field counts what comes behind it. */
export const LENGTH_END = 12
/** Offset and length: enough to know where the next batch starts. */
export const PREFIX = 12

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20

/** Control record types, second field of a control record's key. */
export const ABORT_MARKER = 0
export const COMMIT_MARKER = 1
