import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../infra/config/index.ts'
import { memoryShares } from '../../../infra/config/memory-shares.ts'

const MIB = 1024 * 1024

describe('memoryShares', () => {
  it('gives every part its full share where memory is plenty', () => {
    expect(memoryShares(4096 * MIB, 2)).toEqual({
      cacheMaxBytes: 64 * MIB,
      buffersMaxBytes: 128 * MIB,
      writeBehindMaxBytes: 48 * MIB,
      maxEpochBytes: 16 * MIB,
      fetchMaxBytes: 2 * MIB,
      youngGenerationBytes: 48 * MIB,
    })
  })

  it('cuts all shares by one factor where they do not fit', () => {
    const shares = memoryShares(512 * MIB, 1)
    const factors = [
      shares.cacheMaxBytes / 64,
      shares.buffersMaxBytes / 128,
      shares.writeBehindMaxBytes / 48,
      shares.maxEpochBytes / 16,
      shares.fetchMaxBytes / 2,
    ].map((bytes) => Math.round((bytes / MIB) * 1000))
    expect(new Set(factors).size).toBe(1)
    expect(factors[0]).toBeLessThan(1000)
  })

  it('never cuts a share below what work needs', () => {
    expect(memoryShares(256 * MIB, 8)).toEqual({
      cacheMaxBytes: 4 * MIB,
      buffersMaxBytes: 8 * MIB,
      writeBehindMaxBytes: 4 * MIB,
      maxEpochBytes: 2 * MIB,
      fetchMaxBytes: MIB / 2,
      youngGenerationBytes: 12 * MIB,
    })
  })

  it.each([256, 384, 512, 600, 768, 1024])('what all parts hold together fits into %i MiB', (limit) => {
    const parts = memoryShares(limit * MIB, 1)
    const objects = 2 * parts.cacheMaxBytes + parts.writeBehindMaxBytes
    const thread = 3 * parts.maxEpochBytes + 12 * parts.fetchMaxBytes + parts.youngGenerationBytes
    // An idle instance with one thread takes 264 MiB, so 256 cannot hold: there every part has its least.
    expect(objects + parts.buffersMaxBytes + thread).toBeLessThanOrEqual(Math.max(44, limit - 264) * MIB)
  })

  it('gives a young generation that V8 does not round up: three semi-spaces whose size is a power of two', () => {
    const sizes = [256, 512, 600, 768].map((limit) => memoryShares(limit * MIB, 1).youngGenerationBytes / (3 * MIB))
    expect(sizes).toEqual([4, 8, 8, 16])
  })
})

describe('loadConfig', () => {
  it('cuts the defaults of cache and buffers down to the limit', () => {
    const { statestoreCacheMaxBytes, statestoreBuffersMaxBytes } = loadConfig({ MEMORY_LIMIT_BYTES: String(512 * MIB) })
    const { cacheMaxBytes, buffersMaxBytes } = memoryShares(512 * MIB, 1)
    expect({ statestoreCacheMaxBytes, statestoreBuffersMaxBytes }).toEqual({
      statestoreCacheMaxBytes: cacheMaxBytes,
      statestoreBuffersMaxBytes: buffersMaxBytes,
    })
  })

  it('keeps a size that is given, whatever the limit', () => {
    const given = { STATESTORE_CACHE_MAX_BYTES: '67108864', STATESTORE_BUFFERS_MAX_BYTES: '134217728' }
    expect(loadConfig({ ...given, MEMORY_LIMIT_BYTES: String(256 * MIB) })).toMatchObject({
      statestoreCacheMaxBytes: 64 * MIB,
      statestoreBuffersMaxBytes: 128 * MIB,
    })
  })
})
