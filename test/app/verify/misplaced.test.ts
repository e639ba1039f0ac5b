import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { MisplacedRecords } from '../../../app/verify/misplaced.ts'
import { partitionForKey } from '../../../topology/index.ts'

it('verify counts the records of a topic that another partitioner has placed, and names the partitioner', () => {
  const misplaced = new MisplacedRecords()
  const add = (topic: string, key: Buffer | null, partition: number) =>
    misplaced.add({ topic, partition }, { key, value: null, offset: 0, timestamp: 0, headers: [] }, 3)
  const ids = Array.from({ length: 200 }, (_, i) => `trip-${i}`)
  for (const id of ids) {
    add('trip.requested', Buffer.from(id), partitionForKey(id, 3))
    add('trip.completed', Buffer.from(id), crc32(id) % 3)
  }
  add('trip.requested', null, 0)
  const records = ids.filter((id) => crc32(id) % 3 !== partitionForKey(id, 3)).length
  expect(misplaced.report).toEqual([
    { topic: 'trip.completed', records, likely: 'crc32, the default of librdkafka (consistent_random)' },
  ])
})
