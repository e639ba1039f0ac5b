import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { KafkaFatalError } from './protocol-error.ts'

/** Compression of record batches. What the decoder understands is a superset: always all of Kafka's. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

interface Codec {
  compress(bytes: Buffer): Buffer
  decompress(bytes: Buffer): Buffer
}

const { snappy } = compressionsAlgorithms

/** In the order of Kafka's codes, which are the low three bits of a batch's attributes. */
const NAMES: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const CODECS: Readonly<Record<Compression, Codec>> = {
  none: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
  gzip: { compress: (bytes) => gzipSync(bytes), decompress: (bytes) => gunzipSync(bytes) },
  snappy: {
    compress: (bytes) => Buffer.from(snappy.compressSync(bytes)),
    decompress: (bytes) => Buffer.from(snappy.decompressSync(bytes)),
  },
  lz4: { compress: (bytes) => compressFrameSync(bytes), decompress: (bytes) => decompressFrameSync(bytes) },
  zstd: { compress: (bytes) => zstdCompressSync(bytes), decompress: (bytes) => zstdDecompressSync(bytes) },
}

export function compressionCode(compression: Compression): number {
  return NAMES.indexOf(compression)
}

export function compress(compression: Compression, bytes: Buffer): Buffer {
  return CODECS[compression].compress(bytes)
}

/** `code`: low three bits of the batch attributes. */
export function decompress(code: number, bytes: Buffer): Buffer {
  const name = NAMES[code]
  if (name === undefined) throw new KafkaFatalError(`record batch with unknown compression ${code}`)
  return CODECS[name].decompress(bytes)
}
