import { expect, it } from 'vitest'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'

// Hashes asserted by Kafka's own UtilsTest.testMurmur2.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the default partitioner puts %s where the Java client does', (key, hash) => {
  for (const partitions of [1, 2, 3, 6, 50, 1009, 2 ** 31 - 1]) {
    const expected = (hash & 0x7fffffff) % partitions
    expect(partitionForKey(key, partitions)).toBe(expected)
    expect(partitionForKey(Buffer.from(key), partitions)).toBe(expected)
  }
})

it('the default partitioner hashes the UTF-8 bytes of text', () => {
  for (const key of ['über', '東京', '🚕', '']) {
    expect(partitionForKey(key, 1_000_003)).toBe(partitionForKey(Buffer.from(key, 'utf8'), 1_000_003))
  }
})
