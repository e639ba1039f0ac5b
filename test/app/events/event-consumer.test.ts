import { once } from 'node:events'
import { expect, it } from 'vitest'
import type { ConsumerSettings } from '../../../app/events/consumer-settings.ts'
import { EventConsumer } from '../../../app/events/event-consumer.ts'
import { openEventConsumer } from '../../../app/events/open-events.ts'
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

type Settings = Pick<ConsumerSettings<typeof TOPIC>, 'handle' | 'retry' | 'from' | 'concurrency' | 'onLostRecords'>

function world({ revokeMs = 30_000, ...settings }: Settings & { readonly revokeMs?: number }) {
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
      revokeMs,
      close: () => reader.close(),
    },
  )
  const recordOf = (eventId: string) => {
    const value = JSON.stringify({
      ...{ eventId, eventType: TOPIC, eventVersion: '1.0', timestamp: '2025-10-29T10:00:00Z' },
      data: { tripId: 't' },
    })
    return { timestamp: 1, key: Buffer.from('t'), value: Buffer.from(value), headers: NO_HEADERS }
  }
  const send = (partition: number, eventId: string): void =>
    void cluster.append({ topic: TOPIC, partition }, [recordOf(eventId)])
  /** The group's offset; null when it has none. */
  const place = (partition: number): number | null =>
    cluster.committedOffsets(GROUP, [{ topic: TOPIC, partition }])[0]?.offset ?? null
  /** Records that the group is done with. */
  const committed = (partition: number): number => place(partition) ?? 0
  const letters = (): number => cluster.log({ topic: 'letters', partition: 0 }).highWatermark
  const remove = (partition: number, below: number) => cluster.log({ topic: TOPIC, partition }).deleteBelow(below)
  const commit = (partition: number, offset: number) =>
    cluster.offsetCommit({ groupId: GROUP, memberId: 'm', generation: 0, groupInstanceId: null }, [
      { topic: TOPIC, partition, offset, metadata: '' },
    ])
  return { cluster, membership, writer, consumer, recordOf, send, place, committed, letters, remove, commit }
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
  expect([isReleased, committed(0)]).toEqual([false, 0])
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
  expect([signal.aborted, consumer.assigned, committed(0)]).toEqual([true, [], 0])
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

it('from latest: writes where it began, before an open transaction, so that the next member leaves nothing out', async () => {
  const handled: string[] = []
  const { cluster, consumer, recordOf, send, place } = world({
    from: 'latest',
    handle: ({ event }) => void handled.push(event.eventId),
  })
  const open = cluster.log({ topic: TOPIC, partition: 1 })
  for (const partition of [0, 1]) send(partition, 'before')
  open.append(7, true, [recordOf('of the transaction')])
  await consumer.start()
  while (place(0) === null || place(1) === null) await realClock.yield()
  expect([handled, place(0), place(1)]).toEqual([[], 1, 1])
  open.mark(7, 'commit')
  send(1, 'after')
  while (handled.length < 2) await realClock.yield()
  await consumer.close()
  expect([handled, place(0), place(1)]).toEqual([['of the transaction', 'after'], 1, 4])
})

it('begins no second handler beside the first when a partition is lost twice; the other partition goes on', async () => {
  const end = deferred<void>()
  const story: string[] = []
  const { consumer, membership, send, committed } = world({
    handle: async ({ event }) => {
      story.push(event.eventId)
      if (story.length === 1) await end.promise
    },
  })
  send(0, 'a')
  await consumer.start()
  while (story.length < 1) await realClock.yield()
  for (const [index, eventId] of ['b', 'c'].entries()) {
    await membership.expel()
    await membership.rebalance()
    send(1, eventId)
    // An event that is handled and not yet committed when the partition is lost would be handled again.
    while (story.at(-1) !== eventId || committed(1) <= index) await realClock.yield()
  }
  expect(story).toEqual(['a', 'b', 'c'])
  end.resolve()
  while (story.length < 4) await realClock.yield()
  await consumer.close()
  expect([story, committed(0), committed(1)]).toEqual([['a', 'b', 'c', 'a'], 1, 2])
})

it('gives a partition back without its handler that hangs: the signal fires, and what was done before is committed', async () => {
  const begun = deferred<AbortSignal>()
  const { consumer, membership, send, committed } = world({
    revokeMs: 20,
    handle: async ({ event }, { signal }) => {
      if (event.eventId === 'done') return
      begun.resolve(signal)
      await once(signal, 'abort')
    },
  })
  send(0, 'done')
  send(0, 'hangs')
  await consumer.start()
  const signal = await begun.promise
  await membership.rebalance({ active: ['0_1'] })
  expect([signal.aborted, committed(0), consumer.assigned]).toEqual([true, 1, [{ topic: TOPIC, partition: 1 }]])
  await consumer.close()
  expect(committed(0)).toBe(1)
})

it('a partition whose record waits for another handler is given back at once', async () => {
  const [begun, end] = [deferred<void>(), deferred<void>()]
  const handled: string[] = []
  const { consumer, membership, send, committed } = world({
    concurrency: 1,
    handle: async ({ event }) => {
      begun.resolve()
      await end.promise
      handled.push(event.eventId)
    },
  })
  send(0, 'a')
  send(1, 'waits')
  await consumer.start()
  await begun.promise
  await membership.rebalance({ active: ['0_0'] })
  end.resolve()
  await consumer.close()
  expect([handled, committed(0), committed(1)]).toEqual([['a'], 1, 0])
})

it('goes on with its other partitions when a rebalance had no time for a commit that failed', async () => {
  const handled: string[] = []
  const { consumer, membership, writer, send, committed } = world({
    revokeMs: 1,
    handle: ({ event }) => void handled.push(event.eventId),
  })
  let isBusy = true
  writer.before = async () => {
    if (isBusy) throw new CommitUnknownError('the broker was busy')
  }
  for (const partition of [0, 1]) send(partition, `${partition}`)
  await consumer.start()
  while (handled.length < 2) await realClock.yield()
  await membership.rebalance({ active: ['0_1'] })
  isBusy = false
  while (committed(1) === 0) await realClock.yield()
  await consumer.close()
  expect([committed(0), committed(1)]).toEqual([0, 1])
})

it.each([
  ['concurrency', { concurrency: 0 }],
  ['concurrency', { concurrency: 1.5 }],
  ['retry.attempts', { retry: { attempts: Number.NaN } }],
])('refuses a wrong %s before it connects', async (name, settings) => {
  const nobody = { brokers: ['127.0.0.1:1'], clientId: 'c' }
  const opened = openEventConsumer(nobody, { groupId: GROUP, topics: [TOPIC], handle: () => undefined, ...settings })
  await expect(opened).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining(name) as string })
})
