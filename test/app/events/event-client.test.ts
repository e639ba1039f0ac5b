import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { BATCHED } from '../../../app/events/event-producer.ts'
import type { EventReader, Received } from '../../../app/events/event-reader.ts'
import { openEventConsumer, openEventProducer, openEventReader } from '../../../app/events/open-events.ts'
import { createRideTopics } from '../../../app/topics/create-topics.ts'
import { openReceipts, type Receipt } from '../../../examples/10-event-consumer.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import type { KafkaConnectionConfig } from '../../../infra/kafka/kafka-config.ts'
import { placeName, readDeadLetters } from '../../../infra/streams/dead-letters/index.ts'
import { borrowKafka } from '../../support/kafka.ts'
import { kafkajsProducer } from '../../support/kafkajs.ts'

/*
 * The topics' names are fixed, so these tests have a broker of their own. The services around us use
 * kafkajs: it is the other side here.
 */

let connection: KafkaConnectionConfig
let kafkajs: Kafka

beforeAll(async () => {
  const broker = await borrowKafka()
  connection = { brokers: [broker.bootstrap], clientId: 'events-test' }
  kafkajs = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  const admin = connectKafka(connection).admin()
  await createRideTopics(admin, { applicationId: 'events-test', outputRetentionMs: -1, keepForever: true })
  await admin.close()
  return () => broker.stop()
})

async function receive(consumer: EventReader, count: number): Promise<Received[]> {
  const received: Received[] = []
  while (received.length < count) received.push(...(await consumer.receive(1000)))
  return received
}

const AT = Date.UTC(2025, 9, 29, 10)
const PLACE = { lat: 40.7, lng: -73.9 }

it('writes events that kafkajs reads: envelope, headers, key, time, and the partition that kafkajs would choose', async () => {
  const producer = await openEventProducer(connection, {
    ...BATCHED,
    metadata: { producedBy: 'test', environment: 'ci' },
  })
  const consumer = kafkajs.consumer({ groupId: 'reader' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'trip.cancelled', fromBeginning: true })
  const seen: Array<{ partition: number; key: string; value: unknown; headers: unknown; timestamp: string }> = []
  const all = new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ partition, message: { key, value, headers, timestamp } }) => {
          const text = Object.fromEntries(Object.entries(headers ?? {}).map(([k, v]) => [k, String(v)]))
          seen.push({ partition, key: String(key), value: JSON.parse(String(value)), headers: text, timestamp })
          if (seen.length === 20) resolve()
        },
      })
      .catch(reject)
  })
  const ids = Array.from({ length: 20 }, (_, i) => `trip-ü-${i}`)
  const sent = await Promise.all(
    ids.map((tripId, i) =>
      producer.send(
        'trip.cancelled',
        { tripId, reason: 'test' },
        { eventId: `e${i}`, timestamp: AT + i, correlationId: 'c' },
      ),
    ),
  )
  await producer.close()
  await all
  await consumer.disconnect()

  const partitionOf = Partitioners.DefaultPartitioner()
  const partitionMetadata = [0, 1, 2].map((partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [1],
    isr: [1],
  }))
  const chosen = (key: string) =>
    partitionOf({ topic: 'trip.cancelled', partitionMetadata, message: { key, value: '' } })
  // One batch into empty partitions: its last event in each.
  const inPartition = (partition: number) => ids.filter((id) => chosen(id) === partition).length
  expect(sent).toEqual(
    ids.map((id) => ({ topic: 'trip.cancelled', partition: chosen(id), offset: inPartition(chosen(id)) - 1 })),
  )
  expect(seen.sort((a, b) => Number(a.timestamp) - Number(b.timestamp))).toEqual(
    ids.map((tripId, i) => ({
      partition: chosen(tripId),
      key: tripId,
      headers: { 'event-type': 'trip.cancelled', 'event-version': '1.0' },
      timestamp: String(AT + i),
      value: {
        eventId: `e${i}`,
        eventType: 'trip.cancelled',
        eventVersion: '1.0',
        timestamp: new Date(AT + i).toISOString(),
        correlationId: 'c',
        data: { tripId, reason: 'test' },
        metadata: { producedBy: 'test', environment: 'ci' },
      },
    })),
  )
})

it('sends no invalid event: the caller learns why, and the valid events arrive', async () => {
  const producer = await openEventProducer(connection)
  const consumer = await openEventReader(connection, 'latest', ['trip.started'])
  expect(() => producer.send('trip.started', { tripId: 7 as unknown as string })).toThrow(/data.tripId/)
  await producer.send('trip.started', { tripId: 'good', driverId: 'd' }, { eventId: 'good', timestamp: AT })
  const [only, ...others] = await receive(consumer, 1)
  expect(only).toMatchObject({ kind: 'event', event: { type: 'trip.started', eventId: 'good', at: AT } })
  expect(others).toEqual([])
  await Promise.all([producer.close(), consumer.close()])
})

it('reads what kafkajs sends: valid events with their types, other records with the reason', async () => {
  const consumer = await openEventReader(connection, 'latest', ['driver.location.updated'])
  const producer = await kafkajsProducer(kafkajs)
  const event = (eventId: string, lat: number) =>
    JSON.stringify({
      eventId,
      eventType: 'driver.location.updated',
      eventVersion: '1.3',
      timestamp: '2025-10-29T12:00:00+02:00',
      data: { driverId: 'd1', location: { lat, lng: -73.9 }, status: 'available', battery: 80 },
    })
  await producer.send({
    topic: 'driver.location.updated',
    messages: [
      { key: 'd1', value: event('a', 40.7) },
      { key: 'd1', value: event('b', 140.7) },
      { key: 'd1', value: null },
      { key: 'd1', value: event('c', 40.8) },
    ],
  })
  await producer.disconnect()
  const received = await receive(consumer, 4)
  const told = received.map((r) => (r.kind === 'event' ? [r.event.eventId, r.event.at] : [r.kind, r.error.reason]))
  expect(told).toEqual([
    ['a', AT],
    ['invalid', 'schema'],
    ['invalid', 'null-value'],
    ['c', AT],
  ])
  const { topic, partition, record } = received[3] as Received
  expect(consumer.position({ topic, partition })).toBe(record.offset + 1)
  await consumer.close()
})

describe('a consumer group', () => {
  const GROUP = { retry: { attempts: 3, backoffMs: 1 }, commitIntervalMs: 20, sessionTimeoutMs: 1500 }
  const committed = async (groupId: string, topic: string): Promise<number> => {
    const kafka = connectKafka(connection)
    const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
    const offsets = await kafka.admin().committedOffsets(groupId, partitions)
    await kafka.close()
    return offsets.reduce((sum, { offset }) => sum + offset, 0)
  }

  it('handles each event once over two members, also when one of them closes, and keeps the order of a key', async () => {
    const handled: string[] = []
    const arrived = new EventEmitter()
    const open = () =>
      openEventConsumer(connection, {
        ...GROUP,
        groupId: 'two-members',
        topics: ['trip.accepted', 'trip.accepted'],
        handle: ({ event }) => {
          handled.push(`${event.data.tripId} ${event.eventId}`)
          arrived.emit('event')
        },
      })
    const until = async (count: number): Promise<void> => {
      while (handled.length < count) await once(arrived, 'event')
    }
    const producer = await openEventProducer(connection)
    const send = (from: number, to: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          producer.send('trip.accepted', { tripId: `t${(from + i) % 9}`, driverId: 'd' }, { eventId: `e${from + i}` }),
        ),
      )
    await send(0, 30)
    const a = await open()
    await until(30)
    const b = await open()
    await vi.waitFor(() => expect([a.assigned.length, b.assigned.length].sort()).toEqual([1, 2]), 10_000)
    await send(30, 60)
    await until(60)
    await a.close()
    await vi.waitFor(() => expect(b.assigned.length).toBe(3), 10_000)
    await send(60, 90)
    await until(90)
    await b.close()
    await producer.close()
    expect(new Set(handled).size).toBe(90)
    expect(handled.length).toBe(90)
    for (let trip = 0; trip < 9; trip++) {
      const seen = handled.filter((text) => text.startsWith(`t${trip} `)).map((text) => Number(text.split(' e')[1]))
      expect(seen).toEqual([...seen].sort((x, y) => x - y))
    }
    expect(await committed('two-members', 'trip.accepted')).toBe(90)
  })

  it('goes on without a member whose handler hangs: its record is handled again, and nothing is left out', async () => {
    const seen: string[] = []
    const news = new EventEmitter()
    const producer = await openEventProducer(connection)
    await producer.send('trip.completed', { tripId: 'v', finalFare: 5 }, { eventId: 'v1' })
    const gone = await openEventConsumer(connection, {
      ...GROUP,
      groupId: 'hanging',
      topics: ['trip.completed'],
      handle: async ({ event }, { signal }) => {
        seen.push(`gone ${event.eventId}`)
        news.emit('event')
        if (event.eventId === 'v2') await once(signal, 'abort')
      },
    })
    while (seen.length < 1) await once(news, 'event')
    await vi.waitFor(async () => expect(await committed('hanging', 'trip.completed')).toBe(1), 10_000)
    await producer.send('trip.completed', { tripId: 'v', finalFare: 6 }, { eventId: 'v2' })
    while (seen.length < 2) await once(news, 'event')
    await expect(gone.close({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'CLOSE_TIMEOUT' })
    const next = await openEventConsumer(connection, {
      ...GROUP,
      groupId: 'hanging',
      topics: ['trip.completed'],
      handle: ({ event }) => {
        seen.push(`next ${event.eventId}`)
        news.emit('event')
      },
    })
    while (seen.length < 3) await once(news, 'event')
    await next.close()
    await producer.close()
    expect(seen).toEqual(['gone v1', 'gone v2', 'next v2'])
  })

  it('puts aside what is invalid and what no attempt gets past, with the headers of all dead letters', async () => {
    const kafka = connectKafka(connection)
    const attempts: string[] = []
    const letters: string[] = []
    const done = new EventEmitter()
    const producer = await openEventProducer(connection)
    await producer.sendUnchecked({ topic: 'trip.requested', key: 'p', value: '{"no":"event"}', timestamp: AT })
    for (const eventId of ['poison', 'flaky', 'good']) {
      await producer.send(
        'trip.requested',
        { tripId: 'p', passengerId: 'x', pickup: PLACE, dropoff: PLACE, estimatedFare: 1, vehicleType: 'v' },
        { eventId, timestamp: AT },
      )
    }
    const consumer = await openEventConsumer(connection, {
      ...GROUP,
      groupId: 'poisoned',
      topics: ['trip.requested'],
      deadLetterTopic: 'poisoned.letters',
      handle: ({ event: { eventId } }, { attempt }) => {
        attempts.push(`${eventId} ${attempt}`)
        if (eventId === 'poison' || (eventId === 'flaky' && attempt === 1)) throw new Error('cannot')
        if (eventId === 'good') done.emit('good')
      },
      onDeadLetter: ({ offset, reason }) => letters.push(`${offset} ${reason}`),
    })
    if (!attempts.includes('good 1')) await once(done, 'good')
    await consumer.close()
    await producer.close()
    expect(attempts).toEqual(['poison 1', 'poison 2', 'poison 3', 'flaky 1', 'flaky 2', 'good 1'])
    expect(letters).toEqual(['0 schema', '1 exception'])
    const found: string[][] = []
    await readDeadLetters({ admin: kafka.admin(), reader: kafka.reader(), topic: 'poisoned.letters' }, (letter) => {
      const source = letter.source === null ? '' : placeName(letter.source).replace(/-\d@/, '@')
      found.push([source, letter.reason, letter.exception, String(letter.key)])
    })
    await kafka.close()
    expect(found).toEqual([
      ['trip.requested@0', 'schema', 'InvalidRecordError', 'p'],
      ['trip.requested@1', 'exception', 'Error', 'p'],
    ])
    expect(await committed('poisoned', 'trip.requested')).toBe(4)
  })

  it('the example goes on in another instance when one is killed: each receipt is sent, none of the committed ones again', async () => {
    const producer = await openEventProducer(connection)
    const complete = (tripId: string) => producer.send('trip.completed', { tripId, finalFare: 7.5 })
    const code =
      `import { openReceipts } from './examples/10-event-consumer.ts'\n` +
      `await openReceipts(${JSON.stringify(connection.brokers[0])}, async ({ tripId }) => console.log(tripId), 1500)`
    const args = ['--conditions=ride-streams-source', '--input-type=module', '-e', code]
    const killed = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const before: string[] = []
    const lines = createInterface({ input: killed.stdout }).on('line', (line) => before.push(line))
    const earlier = await committed('hanging', 'trip.completed')
    await complete('receipt-1')
    while (!before.includes('receipt-1')) await once(lines, 'line')
    await vi.waitFor(async () => expect(await committed('receipts', 'trip.completed')).toBe(earlier + 1), 10_000)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    await complete('receipt-2')
    const after: string[] = []
    const news = new EventEmitter()
    const send = async ({ tripId }: Receipt): Promise<void> => {
      after.push(tripId)
      news.emit('sent')
    }
    const consumer = await openReceipts(connection.brokers[0] ?? '', send, 1500)
    while (!after.includes('receipt-2')) await once(news, 'sent')
    await consumer.close()
    await producer.close()
    expect(after).toEqual(['receipt-2'])
  })

  it('refuses topics that are neither events nor outputs', async () => {
    const wrong = openEventConsumer(connection, {
      groupId: 'g',
      topics: ['trip.paid' as 'trip.state'],
      handle: () => {},
    })
    await expect(wrong).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('trip.paid') as string,
    })
  })
})
