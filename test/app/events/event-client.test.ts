import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { beforeAll, expect, it } from 'vitest'
import type { EventConsumer, Received } from '../../../app/events/event-consumer.ts'
import { openEventConsumer, openEventProducer } from '../../../app/events/open-events.ts'
import { createRideTopics } from '../../../app/topics/create-topics.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import type { KafkaConnectionConfig } from '../../../infra/kafka/kafka-config.ts'
import { borrowKafka } from '../../support/kafka.ts'

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

async function receive(consumer: EventConsumer, count: number): Promise<Received[]> {
  const received: Received[] = []
  while (received.length < count) received.push(...(await consumer.receive(1000)))
  return received
}

const AT = Date.UTC(2025, 9, 29, 10)

it('writes events that kafkajs reads: envelope, headers, key, time, and the partition that kafkajs would choose', async () => {
  const producer = await openEventProducer(connection, { metadata: { producedBy: 'test', environment: 'ci' } })
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
  const consumer = await openEventConsumer(connection, 'latest', ['trip.started'])
  expect(() => producer.send('trip.started', { tripId: 7 as unknown as string })).toThrow(/data.tripId/)
  await producer.send('trip.started', { tripId: 'good', driverId: 'd' }, { eventId: 'good', timestamp: AT })
  const [only, ...others] = await receive(consumer, 1)
  expect(only).toMatchObject({ kind: 'event', event: { type: 'trip.started', eventId: 'good', at: AT } })
  expect(others).toEqual([])
  await Promise.all([producer.close(), consumer.close()])
})

it('reads what kafkajs sends: valid events with their types, other records with the reason', async () => {
  const consumer = await openEventConsumer(connection, 'latest', ['driver.location.updated'])
  const producer = kafkajs.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
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
