import { expect, it } from 'vitest'
import { bufferSizes } from '../../state/backends/buffer-sizes.ts'

const MIB = 1024 * 1024

it('the sizes of all stores together stay within the limit', () => {
  for (const stores of [1, 3, 12, 45, 800]) {
    const { writeBufferBytes, blockCacheBytes } = bufferSizes(128 * MIB, stores)
    expect(stores * (2 * writeBufferBytes + blockCacheBytes)).toBeLessThanOrEqual(128 * MIB)
  }
})

it("no store gets a write buffer below LevelDB's minimum, or one that takes long to read again", () => {
  expect(bufferSizes(MIB, 100).writeBufferBytes).toBe(64 * 1024)
  expect(bufferSizes(1024 * MIB, 1).writeBufferBytes).toBe(16 * MIB)
})
