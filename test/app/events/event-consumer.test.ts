import { once } from 'node:events'
import { expect, it } from 'vitest'
import { type ConsumerSettings, EventConsumer } from '../../../app/events/event-consumer.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryMembership } from '../../../runtime/memory/memory-membership.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { CommitUnknownError, deferred, NO_HEADERS } from '../../../state/index.ts'
import { WatchedWriter } from '../../support/memory-app.ts'

/* A member of a group, on the in-memory log, while the group changes and commits fail. */

const TOPIC = 'trip.started'
const GROUP = 'g'
const EVERY = ['0_0', '0_1']

function world(settings: Pick<ConsumerSettings<typeof TOPIC>, 'handle' | 'retry' | 'onLostRecords'>) {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: TOPIC, partitions: 2, config: {} })
  cluster.createTopic({ name: 'letters', partitions: 1, config: {} })
  const common = { cluster, network: IDEAL_NETWORK, clock: realClock, client: 'c' }
  const membership = new MemoryMembership({ cluster, groupId: GROUP, memberId: 'm', tasks: EVERY })
  const reader = new MemoryReader({ ...common, isolation: 'read_committed', maxBatches: () => 10 })
  const writer = new WatchedWriter({ ...common, transactionalId: null })
  const consumer = new EventConsumer(
    { groupId: GROUP, commitIntervalMs: 1, ...settings },
    {
      ...{ membership, reader, writer, admin: new MemoryAdmin(common) },
      tasks: EVERY.map((taskId, partition) => ({
        ...{ taskId, isStateful: false, partitions: [{ topic: TOPIC, partition }] },
      })),
      deadLetters: { topic: 'letters', partitions: 1 },
      close: () => reader.close(),
    },
  )
  const send = (partition: number, eventId: string): void => {
    const value = JSON.stringify({
      ...{ eventId, eventType: TOPIC, eventVersion: '1.0', timestamp: '2025-10-29T10:00:00Z' },
      data: { tripId: 't' },
    })
    const record = { timestamp: 1, key: Buffer.from('t'), value: Buffer.from(value), headers: NO_HEADERS }
    cluster.append({ topic: TOPIC, partition }, [record])
  }
  const committed = (partition: number): number | undefined =>
    cluster.committedOffsets(GROUP, [{ topic: TOPIC, partition }])[0]?.offset
  const letters = (): number => cluster.log({ topic: 'letters', partition: 0 }).highWatermark
  const remove = (partition: number, below: number) => cluster.log({ topic: TOPIC, partition }).deleteBelow(below)
  const commit = (partition: number, offset: number) =>
    cluster.offsetCommit({ groupId: GROUP, memberId: 'm', generation: 0, groupInstanceId: null }, [
      { topic: TOPIC, partition, offset, metadata: '' },
    ])
  return { cluster, membership, writer, consumer, send, committed, letters, remove, commit }
}

it('gives a partition back when its record at hand is done and committed, and begins no other', async () => {
  const [begun, end] = [deferred<void>(), deferred<void>()]
  const handled: string[] = []
  const { consumer, membership, send, committed } = world({
    handle: async ({ event }) => {
      begun.resolve()
      await end.promise
      handled.push(event.eventId)
    },
  })
  send(0, 'a')
  send(0, 'b')
  await consumer.start()
  await begun.promise
  let isReleased = false
  const released = membership.rebalance({ active: ['0_1'] }).then(() => {
    isReleased = true
  })
  await realClock.yield()
  expect([isReleased, committed(0)]).toEqual([false, undefined])
  end.resolve()
  await released
  expect([handled, committed(0), consumer.assigned]).toEqual([['a'], 1, [{ topic: TOPIC, partition: 1 }]])
  await membership.rebalance({ active: EVERY })
  while (handled.length < 2) await realClock.yield()
  await consumer.close()
  expect([handled, committed(0)]).toEqual([['a', 'b'], 2])
})

it('commits nothing of a partition that was lost, and handles it again when the former handler has ended', async () => {
  const [begun, end] = [deferred<AbortSignal>(), deferred<void>()]
  const story: string[] = []
  const { consumer, membership, send, committed } = world({
    handle: async ({ event }, { signal }) => {
      const isFirst = story.length === 0
      story.push(`begin ${event.eventId}`)
      if (!isFirst) return
      begun.resolve(signal)
      await once(signal, 'abort')
      await end.promise
      story.push('end of the first')
    },
  })
  send(0, 'a')
  await consumer.start()
  const signal = await begun.promise
  await membership.expel()
  expect([signal.aborted, consumer.assigned, committed(0)]).toEqual([true, [], undefined])
  await membership.rebalance()
  await realClock.yield()
  expect(story).toEqual(['begin a'])
  end.resolve()
  while (story.length < 3) await realClock.yield()
  await consumer.close()
  expect([story, committed(0)]).toEqual([['begin a', 'end of the first', 'begin a'], 1])
})

it('repeats a commit that failed, and handles no record again for that; the dead letters are written', async () => {
  const handled: string[] = []
  const { consumer, writer, send, committed, letters } = world({
    retry: { attempts: 1 },
    handle: ({ event }) => {
      handled.push(event.eventId)
      if (event.eventId === 'poison') throw new Error('no')
    },
  })
  let failures = 2
  writer.before = async () => {
    if (failures-- > 0) throw new CommitUnknownError('the broker was busy')
  }
  send(0, 'a')
  send(0, 'poison')
  send(1, 'b')
  await consumer.start()
  while (handled.length < 3) await realClock.yield()
  await consumer.close()
  expect(handled.sort()).toEqual(['a', 'b', 'poison'])
  expect([committed(0), committed(1), letters()]).toEqual([2, 1, 1])
})

it('stops when a commit can never succeed: closed rejects, and so does close()', async () => {
  const { consumer, writer, send } = world({ handle: () => undefined })
  writer.before = async () => {
    throw new TypeError('a bug')
  }
  send(0, 'a')
  await consumer.start()
  await expect(consumer.closed).rejects.toMatchObject({ code: 'CONSUMER_STOPPED', cause: new TypeError('a bug') })
  await expect(consumer.close()).rejects.toMatchObject({ code: 'CONSUMER_STOPPED' })
})

it('goes on behind records that were removed, and tells of them', async () => {
  const handled: string[] = []
  const lost: unknown[] = []
  const { cluster, consumer, send, committed, remove, commit } = world({
    handle: ({ event }) => void handled.push(event.eventId),
    onLostRecords: (range) => lost.push(range),
  })
  for (const eventId of ['a', 'b', 'c']) send(0, eventId)
  cluster.setMember(GROUP, 'm', 0)
  commit(0, 0)
  remove(0, 2)
  await consumer.start()
  while (handled.length < 1) await realClock.yield()
  await consumer.close()
  expect([handled, committed(0)]).toEqual([['c'], 3])
  expect(lost).toEqual([{ topic: TOPIC, partition: 0, from: 0, to: 2 }])
})
