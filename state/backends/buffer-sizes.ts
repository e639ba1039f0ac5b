/** Bytes that LevelDB or RocksDB holds in memory for one store. */
export interface BufferSizes {
  /** Size of the buffer for rows that are not in a table yet; up to two buffers are held. */
  readonly writeBufferBytes: number
  /** Cache for blocks that were read from tables. */
  readonly blockCacheBytes: number
}

/** The size that RocksDB has in Kafka Streams. A larger buffer takes long to read again after a crash. */
const MOST_WRITE_BUFFER = 16 * 1024 * 1024
/** LevelDB accepts nothing smaller. */
const LEAST_WRITE_BUFFER = 64 * 1024
/** The share of both write buffers; the block cache has the rest. The object cache above does most of the reading. */
const WRITE_SHARE = 0.8

/** Sizes with which all of `stores` stores together stay within `maxBytes`, as long as that is 160 KiB for each. */
export function bufferSizes(maxBytes: number, stores: number): BufferSizes {
  const each = maxBytes / Math.max(1, stores)
  const writeBuffer = Math.min(MOST_WRITE_BUFFER, Math.max(LEAST_WRITE_BUFFER, (each * WRITE_SHARE) / 2))
  return { writeBufferBytes: Math.floor(writeBuffer), blockCacheBytes: Math.floor(each * (1 - WRITE_SHARE)) }
}
