import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../infra/config/index.ts'
import { memoryShares } from '../../../infra/config/memory-shares.ts'

const MIB = 1024 * 1024

describe('memoryShares', () => {
  it('gives every part its full share where memory is plenty', () => {
    expect(memoryShares(4096 * MIB, 2)).toEqual({
      cacheMaxBytes: 64 * MIB,
      buffersMaxBytes: 128 * MIB,
      maxEpochBytes: 16 * MIB,
      youngGenerationBytes: 48 * MIB,
    })
  })

  it('cuts all shares by one factor where they do not fit', () => {
    const shares = memoryShares(512 * MIB, 1)
    const factors = [
      shares.cacheMaxBytes / 64,
      shares.buffersMaxBytes / 128,
      shares.maxEpochBytes / 16,
      shares.youngGenerationBytes / 48,
    ].map((bytes) => Math.round((bytes / MIB) * 1000))
    expect(new Set(factors).size).toBe(1)
    expect(factors[0]).toBeLessThan(1000)
  })

  it('never cuts a share below what work needs', () => {
    expect(memoryShares(256 * MIB, 8)).toEqual({
      cacheMaxBytes: 4 * MIB,
      buffersMaxBytes: 8 * MIB,
      maxEpochBytes: 2 * MIB,
      youngGenerationBytes: 12 * MIB,
    })
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
