import { expect, it } from 'vitest'
import { BufferPool } from '../../../infra/kafka/kafka-output-batch.ts'

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
