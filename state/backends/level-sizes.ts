/** Bytes that LevelDB holds in memory for one store. */
export interface LevelSizes {
  /** Rows that are not in a table yet; up to two of these are held. */
  readonly writeBufferBytes: number
  /** Blocks of tables that were read. */
  readonly blockCacheBytes: number
}

/** The size that RocksDB has in Kafka Streams. A larger buffer takes long to read again after a crash. */
const MOST_WRITE_BUFFER = 16 * 1024 * 1024
/** LevelDB takes nothing smaller. */
const LEAST_WRITE_BUFFER = 64 * 1024
/** Write buffers, both of them, to the block cache. The object cache above does most of the reading. */
const WRITE_SHARE = 0.8

/** Sizes with which all of `stores` stores together stay within `maxBytes`, as long as that is 160 KiB for each. */
export function levelSizes(maxBytes: number, stores: number): LevelSizes {
  const each = maxBytes / Math.max(1, stores)
  const writeBuffer = Math.min(MOST_WRITE_BUFFER, Math.max(LEAST_WRITE_BUFFER, (each * WRITE_SHARE) / 2))
  return { writeBufferBytes: Math.floor(writeBuffer), blockCacheBytes: Math.floor(each * (1 - WRITE_SHARE)) }
}
