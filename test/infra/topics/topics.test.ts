import { beforeEach, describe, expect, it } from 'vitest'
import type { Received } from '../../../app/events/event-reader.ts'
import { readEventsOn } from '../../../app/events/read-events.ts'
import { createRideTopics } from '../../../app/topics/create-topics.ts'
import { rebuildTrip } from '../../../app/topics/rebuild-trip.ts'
import { groupLag } from '../../../infra/streams/topics/group-lag.ts'
import { scanSpans, spansOf } from '../../../infra/streams/topics/log-scan.ts'
import { requireTopics } from '../../../infra/streams/topics/require-topics.ts'
import { TRIP_TOPICS } from '../../../processors/topics.ts'
import { MissingTopicError } from '../../../runtime/instance/cluster-plan.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK as network } from '../../../runtime/memory/network.ts'
import type { Clock } from '../../../runtime/ports/clock.ts'
import type { TopicNotice } from '../../../runtime/ports/instance-events.ts'
import type { LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { partitionForKey } from '../../../topology/default-partitioner.ts'
import { TAKES_WHAT_INPUT_TOOK } from '../../../topology/internal-topic-config.ts'

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
}

let cluster: MemoryCluster
let admin: MemoryAdmin
let reader: MemoryReader

beforeEach(() => {
  cluster = new MemoryCluster(network)
  admin = new MemoryAdmin({ cluster, network, clock, client: 'test' })
  reader = new MemoryReader({
    cluster,
    network,
    clock,
    client: 'test',
    isolation: 'read_committed',
    maxBatches: () => 2,
  })
})

function textRecord(key: string | null, value: string | null): Omit<LogRecord, 'offset'> {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text))
  return { key: bytes(key), value: bytes(value), timestamp: 0, headers: NO_HEADERS }
}

const options = { applicationId: 'app', outputRetentionMs: 1000 }

describe('createRideTopics', () => {
  it('creates all topics with their settings and reports them', async () => {
    const rows = await createRideTopics(admin, options)
    expect(rows).toEqual([
      { topic: 'trip.requested', partitions: 3, created: true },
      { topic: 'trip.accepted', partitions: 3, created: true },
      { topic: 'trip.started', partitions: 3, created: true },
      { topic: 'trip.completed', partitions: 3, created: true },
      { topic: 'trip.cancelled', partitions: 3, created: true },
      { topic: 'driver.location.updated', partitions: 6, created: true },
      { topic: 'trip.state', partitions: 3, created: true },
      { topic: 'driver.cell.changed', partitions: 6, created: true },
      { topic: 'analytics.hourly_revenue', partitions: 3, created: true },
      { topic: 'trip.offers', partitions: 3, created: true },
      { topic: 'analytics.cell_demand', partitions: 3, created: true },
      { topic: 'analytics.trip_funnel', partitions: 3, created: true },
      { topic: 'driver.earnings', partitions: 6, created: true },
      { topic: 'app.dlq', partitions: 3, created: true },
    ])
    expect(cluster.topicConfig('trip.completed')).toEqual({ 'cleanup.policy': 'delete', 'retention.ms': '604800000' })
    expect(cluster.topicConfig('driver.cell.changed')).toEqual({
      ...TAKES_WHAT_INPUT_TOOK,
      'cleanup.policy': 'delete',
      'retention.ms': '1000',
    })
    expect(cluster.topicConfig('trip.state')).toEqual({ ...TAKES_WHAT_INPUT_TOOK, 'cleanup.policy': 'compact' })
  })

  it('leaves existing topics unchanged, and gives outputs the partition counts found', async () => {
    cluster.createTopic({ name: 'trip.requested', partitions: 12, config: {} })
    const rows = await createRideTopics(admin, options)
    expect(rows.find(({ topic }) => topic === 'trip.requested')).toEqual({
      topic: 'trip.requested',
      partitions: 12,
      created: false,
    })
    expect(cluster.partitions('trip.state')).toBe(12)
    expect((await createRideTopics(admin, options)).map(({ created }) => created)).not.toContain(true)
  })

  it('corrects limits of existing outputs and dead letter topics, but not their retention, and nothing of inputs', async () => {
    const limits = { 'message.timestamp.after.max.ms': '3600000', 'max.message.bytes': '1000' }
    const found = { ...limits, 'message.timestamp.type': 'CreateTime', 'retention.ms': '5' }
    for (const name of ['trip.requested', 'trip.offers']) cluster.createTopic({ name, partitions: 3, config: found })
    const notices: TopicNotice[] = []
    await createRideTopics(admin, { ...options, onNotice: (notice) => notices.push(notice) })
    expect(cluster.topicConfig('trip.requested')).toEqual(found)
    expect(cluster.topicConfig('trip.offers')).toEqual({
      ...found,
      'message.timestamp.after.max.ms': '9223372036854775806',
      'max.message.bytes': '67108864',
    })
    expect(notices).toEqual([
      {
        type: 'changed',
        topics: ['trip.offers'],
        detail: 'message.timestamp.after.max.ms 3600000 -> 9223372036854775806, max.message.bytes 1000 -> 67108864',
      },
    ])
  })

  it('creates only the requested roles', async () => {
    cluster.createTopic({ name: 'trip.requested', partitions: 1, config: {} })
    const rows = await createRideTopics(admin, { ...options, roles: ['output', 'dead-letter'] })
    expect(rows.map(({ topic }) => topic)).toEqual([
      'trip.state',
      'driver.cell.changed',
      'analytics.hourly_revenue',
      'trip.offers',
      'analytics.cell_demand',
      'analytics.trip_funnel',
      'driver.earnings',
      'app.dlq',
    ])
    expect(cluster.partitions('trip.accepted')).toBeNull()
  })

  it('keeps recorded events forever, and dead letters for their retention', async () => {
    await createRideTopics(admin, { ...options, keepForever: true })
    for (const topic of [...TRIP_TOPICS, 'driver.location.updated', 'driver.cell.changed']) {
      expect([topic, cluster.topicConfig(topic)['retention.ms']]).toEqual([topic, '-1'])
    }
    expect(cluster.topicConfig('trip.state')['cleanup.policy']).toBe('compact')
    expect(cluster.topicConfig('app.dlq')['retention.ms']).toBe('1209600000')
  })
})

it('requireTopics names every missing topic', async () => {
  cluster.createTopic({ name: 'a', partitions: 2, config: {} })
  expect(await requireTopics(admin, ['a'])).toEqual(new Map([['a', 2]]))
  await expect(requireTopics(admin, ['b', 'a', 'c'])).rejects.toThrow(MissingTopicError)
  await expect(requireTopics(admin, ['b', 'a', 'c'])).rejects.toThrow(/^topics b, c do not exist$/)
  await expect(requireTopics(admin, ['b'])).rejects.toThrow(/^topic b does not exist$/)
})

describe('groupLag', () => {
  it('is the distance to the high watermark per partition; without a commit it counts all records there are', async () => {
    cluster.createTopic({ name: 'in', partitions: 3, config: {} })
    for (const partition of [0, 1]) {
      for (let i = 0; i < 5; i++) cluster.append({ topic: 'in', partition }, [textRecord('k', String(i))])
    }
    cluster.log({ topic: 'in', partition: 1 }).deleteBelow(2)
    const group = { groupId: 'app', memberId: 'm', generation: 1, groupInstanceId: null }
    cluster.setMember('app', 'm', 1)
    cluster.offsetCommit(group, [{ topic: 'in', partition: 0, offset: 3, metadata: '' }])
    expect(await groupLag(admin, 'app', { required: ['in'], optional: ['app-x-repartition'] })).toEqual({
      rows: [
        { topic: 'in', partition: 0, committed: 3, end: 5, lag: 2 },
        { topic: 'in', partition: 1, committed: null, end: 5, lag: 3 },
        { topic: 'in', partition: 2, committed: null, end: 0, lag: 0 },
      ],
      total: 5,
    })
  })
})

describe('scanSpans', () => {
  it('reads every committed record once, in offset order per partition, and ends after the markers', async () => {
    cluster.createTopic({ name: 'in', partitions: 2, config: {} })
    const session = cluster.initProducerId('tx')
    for (let i = 0; i < 9; i++) cluster.append({ topic: 'in', partition: 0 }, [textRecord('k', `p${i}`)])
    cluster.produce(session, { topic: 'in', partition: 1 }, [textRecord('k', 'aborted')])
    cluster.endTxn(session, 'abort')
    cluster.produce(session, { topic: 'in', partition: 1 }, [textRecord('k', 'committed')])
    cluster.endTxn(session, 'commit')
    const seen: string[] = []
    const progress: Array<readonly [number, number]> = []
    const onProgress = (done: number, all: number): number => progress.push([done, all])
    for await (const { partition, records } of scanSpans({ reader, spans: await spansOf(admin, ['in']), onProgress })) {
      for (const { value } of records) seen.push(`${partition}:${value}`)
    }
    expect(seen.filter((text) => text.startsWith('0:'))).toEqual(Array.from({ length: 9 }, (_, i) => `0:p${i}`))
    expect(seen.filter((text) => text.startsWith('1:'))).toEqual(['1:committed'])
    expect(progress.at(-1)).toEqual([13, 13])
  })

  it('stops before an open transaction, or waits until it ends', async () => {
    cluster.createTopic({ name: 'in', partitions: 1, config: {} })
    const session = cluster.initProducerId('tx')
    cluster.append({ topic: 'in', partition: 0 }, [textRecord('k', 'before')])
    cluster.produce(session, { topic: 'in', partition: 0 }, [textRecord('k', 'open')])
    const spans = await spansOf(admin, ['in'])
    const stopped: string[] = []
    for await (const { records } of scanSpans({ reader, spans, openTransactions: 'stop' })) {
      for (const { value } of records) stopped.push(String(value))
    }
    expect(stopped).toEqual(['before'])
    const waited: string[] = []
    for await (const { records } of scanSpans({ reader, spans })) {
      for (const { value } of records) waited.push(String(value))
      if (records.length > 0 && waited.length === 1) cluster.endTxn(session, 'commit')
    }
    expect(waited).toEqual(['before', 'open'])
  })

  it('reads no record outside of its spans', async () => {
    cluster.createTopic({ name: 'in', partitions: 1, config: {} })
    for (let i = 0; i < 9; i++) cluster.append({ topic: 'in', partition: 0 }, [textRecord('k', `p${i}`)])
    const seen: string[] = []
    const spans = [{ topic: 'in', partition: 0, from: 2, to: 5 }]
    for await (const { records, position, isLast } of scanSpans({ reader, spans })) {
      seen.push(...records.map(({ value }) => String(value)), `${position} ${isLast}`)
    }
    expect(seen.filter((text) => text.startsWith('p'))).toEqual(['p2', 'p3', 'p4'])
    expect(seen.at(-1)).toBe('5 true')
  })

  it('continues after records that were removed before it could read them, and reports them', async () => {
    cluster.createTopic({ name: 'in', partitions: 1, config: {} })
    for (let i = 0; i < 9; i++) cluster.append({ topic: 'in', partition: 0 }, [textRecord('k', `p${i}`)])
    const spans = await spansOf(admin, ['in'])
    cluster.log({ topic: 'in', partition: 0 }).deleteBelow(7)
    const seen: string[] = []
    const lost: Array<readonly [passed: number, hasLost: boolean]> = []
    for await (const { records, passed, hasLost } of scanSpans({ admin, reader, spans })) {
      seen.push(...records.map(({ value }) => String(value)))
      if (hasLost) lost.push([passed, hasLost])
    }
    expect(seen).toEqual(['p7', 'p8'])
    expect(lost).toEqual([[7, true]])
    const unaided = async (): Promise<void> => {
      for await (const { records } of scanSpans({ reader, spans }))
        seen.push(...records.map(({ value }) => String(value)))
    }
    await expect(unaided()).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    expect(seen).toEqual(['p7', 'p8'])
  })
})

describe('rebuildTrip', () => {
  const event = (eventType: string, eventId: string, timestamp: string, data: object) =>
    JSON.stringify({ eventId, eventType, eventVersion: '1.0', timestamp, data: { tripId: 't-1', ...data } })
  const own = partitionForKey(Buffer.from('t-1'), 3)
  const put = (topic: string, key: string | null, value: string | null, partition = own) =>
    cluster.append({ topic, partition }, [textRecord(key, value)])

  beforeEach(() => createRideTopics(admin, options))

  it('folds the events of one trip and marks those that count', async () => {
    put('trip.accepted', 't-1', event('trip.accepted', 'e2', '2019-03-01T10:01:00Z', { driverId: 'd-1' }))
    put('trip.accepted', 't-1', event('trip.accepted', 'e3', '2019-03-01T12:02:00+02:00', { driverId: 'd-2' }))
    put('trip.accepted', 't-1', event('trip.accepted', 'e3', '2019-03-01T12:02:00+02:00', { driverId: 'd-2' }))
    put('trip.completed', 't-1', event('trip.completed', 'e4', '2019-03-01T10:20:00Z', { finalFare: 12.5 }))
    put('trip.completed', 't-1', event('trip.completed', 'e5', '2019-03-01T10:30:00Z', { finalFare: -1 }))
    put('trip.completed', 't-1', null)
    put('trip.completed', 't-2', event('trip.completed', 'e6', '2019-03-01T10:40:00Z', { finalFare: 1 }))
    put('trip.completed', null, event('trip.completed', 'e7', '2019-03-01T10:50:00Z', { finalFare: 1 }))
    const { state, events, invalid } = await rebuildTrip({ admin, reader, tripId: 't-1' })
    expect(state).toMatchObject({
      tripId: 't-1',
      status: 'completed',
      driverId: 'd-2',
      finalFare: 12.5,
      acceptedAt: '2019-03-01T10:02:00.000Z',
      lastEventId: 'e4',
    })
    expect(events.map(({ eventId, offset, counts }) => [eventId, offset, counts])).toEqual([
      ['e2', 0, false],
      ['e3', 1, true],
      ['e3', 2, false],
      ['e4', 0, true],
    ])
    expect(invalid).toBe(2)
  })

  it('reads the partition of the key only, of all topics that the pattern names', async () => {
    const requested = { passengerId: 'p' }
    put('trip.requested', 't-1', event('trip.requested', 'e1', '2019-03-01T10:00:00Z', requested))
    put('trip.accepted', 't-1', event('trip.accepted', 'e2', '2019-03-01T10:01:00Z', { driverId: 'd-1' }))
    put(
      'trip.accepted',
      't-1',
      event('trip.accepted', 'e9', '2019-03-01T10:09:00Z', { driverId: 'd-9' }),
      (own + 1) % 3,
    )
    put('trip.accepted', 't-2', event('trip.accepted', 'e3', '2019-03-01T10:01:00Z', { driverId: 'd-1' }))
    const assigned: TopicPartition[] = []
    const spied = {
      poll: (ms: number) => reader.poll(ms),
      assign: (at: TopicPartition, position: number) => {
        assigned.push(at)
        reader.assign(at, position)
      },
      unassign: (at: TopicPartition) => reader.unassign(at),
    } as unknown as typeof reader
    const received: Received[] = []
    for await (const one of readEventsOn({ admin, reader: spied }, 'trip.*', { key: 't-1' })) received.push(one)
    expect(received.map(({ topic, record }) => [topic, record.offset])).toEqual(
      expect.arrayContaining([
        ['trip.accepted', 0],
        ['trip.requested', 0],
      ]),
    )
    expect(received.filter(({ topic }) => topic === 'trip.accepted')).toHaveLength(1)
    expect(new Set(assigned.map(({ partition }) => partition))).toEqual(new Set([own]))
    const nothing = readEventsOn({ admin, reader }, 'trips.*' as 'trip.*')
    await expect(nothing.next()).rejects.toThrow('no event is named trips.*; there are trip.requested, ')
  })

  it('gives no state for a trip without events', async () => {
    expect(await rebuildTrip({ admin, reader, tripId: 'nobody' })).toEqual({ state: null, events: [], invalid: 0 })
  })
})
