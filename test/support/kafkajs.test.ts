import { Partitioners } from 'kafkajs'
import { expect, it } from 'vitest'
import { samePartitionAtEachTry } from './kafkajs.ts'

it('a message without a key has one partition at every try, and other messages have others', () => {
  const partitionMetadata = [0, 1, 2, 3].map((partitionId) => {
    return { partitionId, leader: 1, replicas: [], isr: [], partitionErrorCode: 0 }
  })
  const messages = Array.from({ length: 4 }, (_, i) => ({ value: `line ${i}` }))
  const tries = (createPartitioner: typeof samePartitionAtEachTry): number[][] => {
    const choose = createPartitioner()
    return [1, 2].map(() => messages.map((message) => choose({ topic: 'lines', partitionMetadata, message })))
  }
  const [first = [], second] = tries(samePartitionAtEachTry)
  expect(second).toEqual(first)
  expect([...first].sort()).toEqual([0, 1, 2, 3])
  // The partitioner of kafkajs chooses others when a try has an odd number of messages.
  messages.pop()
  const [own, again] = tries(Partitioners.DefaultPartitioner)
  expect(again).not.toEqual(own)
})
