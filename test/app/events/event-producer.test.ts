import { expect, it } from 'vitest'
import { BATCHED, EventProducer } from '../../../app/events/event-producer.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { ManualTime } from '../../support/manual-time.ts'
import { WatchedWriter } from '../../support/memory-app.ts'

it('BATCHED sends 100 events at once, and fewer after 50 ms', async () => {
  const clock = new ManualTime()
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: 'trip.started', partitions: 3, config: {} })
  const writer = new WatchedWriter({ cluster, network: IDEAL_NETWORK, clock, client: 'p', transactionalId: null })
  const producer = new EventProducer({ writer, partitions: new Map([['trip.started', 3]]), clock, ...BATCHED })
  const send = (count: number) =>
    Array.from({ length: count }, (_, i) => producer.send('trip.started', { tripId: `t${i}` }))
  const begin = clock.now()
  const first = send(100)
  await Promise.all(first)
  expect([writer.commits, clock.now() - begin]).toEqual([1, 0])
  const rest = send(99)
  await clock.pass(49)
  expect(writer.commits).toBe(1)
  await clock.pass(1)
  await Promise.all(rest)
  expect(writer.commits).toBe(2)
})
