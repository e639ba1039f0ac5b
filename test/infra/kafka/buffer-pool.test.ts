import { expect, it } from 'vitest'
import { BufferPool } from '../../../infra/kafka/buffer-pool.ts'

it('a buffer comes back to batches of its topic only, as others need another size', () => {
  const pool = new BufferPool(100)
  const [large, small] = [Buffer.alloc(60), Buffer.alloc(20)]
  pool.give('many', large)
  pool.give('few', small)
  expect([pool.take('few'), pool.take('few'), pool.take('other')]).toEqual([small, undefined, undefined])
  expect(pool.take('many')).toBe(large)
})

it('the pool keeps no more than its bytes, over all topics', () => {
  const pool = new BufferPool(100)
  pool.give('a', Buffer.alloc(60))
  pool.give('b', Buffer.alloc(60))
  expect(pool.take('b')).toBeUndefined()
  expect(pool.take('a')).toBeDefined()
  const again = Buffer.alloc(90)
  pool.give('b', again)
  expect(pool.take('b')).toBe(again)
})

it('a pool that gets a lower limit gives its memory up at once', () => {
  const pool = new BufferPool(100)
  pool.give('a', Buffer.alloc(60))
  pool.maxBytes = 60
  const kept = pool.take('a')
  expect(kept).toBeDefined()
  pool.give('a', kept as Buffer)
  pool.maxBytes = 50
  expect(pool.take('a')).toBeUndefined()
})

/** So many batches begin, each of which uses a buffer of the topic. */
function batches(pool: BufferPool, count: number, topic: string): void {
  for (let i = 0; i < count; i++) {
    pool.begin()
    pool.give(topic, pool.take(topic) ?? Buffer.alloc(10))
  }
}

it('a pool full of buffers of topics that are no longer written has room for others after 256 batches', () => {
  const pool = new BufferPool(100)
  const buffer = Buffer.alloc(60)
  pool.give('before', Buffer.alloc(90))
  pool.give('now', buffer)
  expect(pool.take('now')).toBeUndefined()
  batches(pool, 256, 'other')
  pool.give('now', buffer)
  expect(pool.take('now')).toBe(buffer)
  expect(pool.take('before')).toBeUndefined()
})

it('a buffer goes when no batch has used it for long, also where there is room, and one that is used stays', () => {
  const pool = new BufferPool(1000)
  const used = Buffer.alloc(10)
  pool.give('used', used)
  pool.give('unused', Buffer.alloc(10))
  batches(pool, 511, 'used')
  const unused = pool.take('unused')
  expect(unused).toBeDefined()
  pool.give('unused', unused as Buffer)
  batches(pool, 1 + 512, 'used')
  expect(pool.take('unused')).toBeUndefined()
  expect(pool.take('used')).toBe(used)
})
