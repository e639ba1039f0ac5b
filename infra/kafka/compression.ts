import zlib from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { lz4Blocks } from './lz4-frame.ts'
import { compressionsAlgorithms } from './protocol.ts'
import { KafkaFatalError } from './protocol-error.ts'
import { snappyBlocks } from './snappy-blocks.ts'

/** Compression of record batches. What the decoder understands is a superset: always all of Kafka's. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/**
 * Most bytes that are decompressed at once. A broker bounds what is compressed (max.message.bytes, 1 MiB by default), and some hundred
 * bytes of zstd make a megabyte. A record of more than this is not held in memory.
 */
export const MOST_DECOMPRESSED = 64 * 1024 * 1024

/** The batch must be decompressed piece by piece. */
export class DecompressedTooLargeError extends RangeError {
  override readonly name = 'DecompressedTooLargeError'
}

interface Codec {
  compress(bytes: Buffer): Buffer
  /** @throws DecompressedTooLargeError for more than MOST_DECOMPRESSED */
  decompress(bytes: Buffer): Buffer
  pieces(bytes: Buffer): AsyncIterable<Buffer> | Iterable<Buffer>
}

const { snappy } = compressionsAlgorithms

/** In the order of Kafka's codes, which are the low three bits of a batch's attributes. */
const NAMES: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const BOUNDED = { maxOutputLength: MOST_DECOMPRESSED }
const PIECE = { chunkSize: 256 * 1024 }

const CODECS: Readonly<Record<Compression, Codec>> = {
  none: { compress: (bytes) => bytes, decompress: (bytes) => bytes, pieces: (bytes) => [bytes] },
  gzip: {
    compress: (bytes) => zlib.gzipSync(bytes),
    decompress: (bytes) => bounded(() => zlib.gunzipSync(bytes, BOUNDED)),
    pieces: (bytes) => streamed(zlib.createGunzip(PIECE), bytes),
  },
  snappy: {
    compress: (bytes) => Buffer.from(snappy.compressSync(bytes)),
    decompress(bytes) {
      let size = 0
      for (const block of snappyBlocks(bytes)) size += block.size
      if (size > MOST_DECOMPRESSED) throw new DecompressedTooLargeError()
      return Buffer.from(snappy.decompressSync(bytes))
    },
    *pieces(bytes) {
      for (const block of snappyBlocks(bytes)) yield Buffer.from(snappy.decompressSync(block.bytes))
    },
  },
  lz4: {
    compress: (bytes) => compressFrameSync(bytes),
    decompress(bytes) {
      if (bytes.length * MOST_LZ4_RATIO > MOST_DECOMPRESSED && lz4Blocks(bytes).mostBytes > MOST_DECOMPRESSED) {
        throw new DecompressedTooLargeError()
      }
      return decompressFrameSync(bytes)
    },
    *pieces(bytes) {
      for (const frame of lz4Blocks(bytes).frames()) yield decompressFrameSync(frame)
    },
  },
  zstd: {
    compress: (bytes) => zstd().zstdCompressSync(bytes),
    decompress: (bytes) => bounded(() => zstd().zstdDecompressSync(bytes, BOUNDED)),
    pieces: (bytes) => streamed(zstd().createZstdDecompress(PIECE), bytes),
  },
}

/** The highest compression ratio of LZ4. */
const MOST_LZ4_RATIO = 255

/** Node has zstd from 22.15 on. @throws KafkaFatalError on an older one */
function zstd(): typeof zlib {
  if (typeof zlib.zstdDecompressSync === 'function') return zlib
  throw new KafkaFatalError(`zstd needs Node 22.15 or newer, and this is ${process.version}`)
}

function bounded(decompress: () => Buffer): Buffer {
  try {
    return decompress()
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_BUFFER_TOO_LARGE') throw error
    throw new DecompressedTooLargeError()
  }
}

async function* streamed(stream: NodeJS.ReadWriteStream, bytes: Buffer): AsyncGenerator<Buffer> {
  stream.end(bytes)
  for await (const piece of stream) yield piece as Buffer
}

export function compressionCode(compression: Compression): number {
  return NAMES.indexOf(compression)
}

export function compress(compression: Compression, bytes: Buffer): Buffer {
  return CODECS[compression].compress(bytes)
}

/** `code`: low three bits of the batch attributes. @throws DecompressedTooLargeError for more than MOST_DECOMPRESSED */
export function decompress(code: number, bytes: Buffer): Buffer {
  return codecOf(code).decompress(bytes)
}

/** The decompressed bytes in pieces, of which only one at a time is held; each of at most some megabytes. */
export function decompressedPieces(code: number, bytes: Buffer): AsyncIterable<Buffer> | Iterable<Buffer> {
  return codecOf(code).pieces(bytes)
}

function codecOf(code: number): Codec {
  const name = NAMES[code]
  if (name === undefined) throw new KafkaFatalError(`record batch with unknown compression ${code}`)
  return CODECS[name]
}
