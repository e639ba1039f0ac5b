import { AssignerProtocol, CompressionTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { abort, readAll, text } from '../../support/kafka-log.ts'
import { kafkajs, kafkajsProducer, readCommitted } from '../../support/kafkajs.ts'

let kafka: KafkaCluster
let bootstrap: string

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'interop-test' })
})
afterAll(() => kafka.close())

async function newTopic(): Promise<string> {
  const name = uniqueName('interop')
  await kafka.admin().createTopics([{ name, partitions: 3, config: {} }])
  return name
}

const KEYS = Array.from({ length: 40 }, (_, i) => `schlüssel-${i}`)
const NOW = Date.now()

describe('interop with kafkajs', () => {
  for (const compression of ['none', 'gzip'] as const) {
    it(`reads what we write: keys, values, headers, timestamps, partitions by murmur2 (${compression})`, async () => {
      const topic = await newTopic()
      const writer = kafka.writer({ transactionalId: uniqueName('tx'), compression, maxBatchBytes: 1000 })
      await writer.init()
      await abort(writer, [{ topic, partition: 0, key: 'aborted', value: 'never' }])
      const batch = writer.newBatch()
      for (const [i, key] of KEYS.entries()) {
        const headers = [
          { key: 'event-type', value: Buffer.from('trip.state') },
          { key: 'n', value: Buffer.from(`${i}`) },
        ]
        batch.append(topic, partitionForKey(key, 3), key, i === 7 ? null : `wert ${i}`, NOW + i, headers)
      }
      await writer.commit({ batch, offsets: [], group: () => null })
      await writer.close()

      const read = await readCommitted(kafkajs(bootstrap), [topic], uniqueName('group'))
      const byKey = new Map(read.map((record) => [record.key?.toString(), record]))
      expect(read).toHaveLength(KEYS.length)
      for (const [i, key] of KEYS.entries()) {
        const record = byKey.get(key)
        expect([record?.value?.toString() ?? null, record?.timestamp]).toEqual([
          i === 7 ? null : `wert ${i}`,
          `${NOW + i}`,
        ])
        expect(record?.headers?.['event-type']?.toString()).toBe('trip.state')
        expect(record?.headers?.n?.toString()).toBe(`${i}`)
        expect(record?.partition).toBe(partitionForKey(key, 3))
      }
    })
  }

  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    it(`is read by us, in the partitions we would choose (compression ${compression})`, async () => {
      const topic = await newTopic()
      const producer = await kafkajsProducer(kafkajs(bootstrap))
      const messages = KEYS.map((key, i) => ({
        key,
        value: `wert ${i}`,
        timestamp: `${NOW + i}`,
        headers: { 'correlation-id': `c${i}`, twice: ['a', 'b'] },
      }))
      await producer.send({ topic, compression, messages })
      await producer.disconnect()
      const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
      const read = await readAll(kafka, topic, await kafka.admin().highWatermarks(partitions))
      for (const partition of [0, 1, 2]) {
        const own = messages.filter(({ key }) => partitionForKey(key, 3) === partition)
        expect(
          read[partition]?.map(({ key, value, timestamp, headers }) => ({
            key: text(key),
            value: text(value),
            timestamp: `${timestamp}`,
            headers: [...headers].map((header) => [header.key, text(header.value)]),
          })),
        ).toEqual(
          own.map(({ key, value, timestamp, headers }) => ({
            key,
            value,
            timestamp,
            headers: [
              ['correlation-id', headers['correlation-id']],
              ['twice', 'a'],
              ['twice', 'b'],
            ],
          })),
        )
      }
    })
  }

  it('shows other tools which partitions our members have', async () => {
    const topic = await newTopic()
    const groupId = uniqueName('group')
    const membership = kafka.membership({
      groupId,
      groupInstanceId: null,
      info: { processId: 'p', transactionalIds: [], threads: 1, applicationServer: null, topology: 't' },
      tasks: [0, 1, 2].map((partition) => ({
        taskId: `0_${partition}`,
        isStateful: false,
        partitions: [{ topic, partition }],
      })),
    })
    const nothing = async () => {}
    await membership.join({
      report: async () => ({ active: [], lags: {} }),
      onAssigned: nothing,
      onLost: nothing,
      onFatal: () => {},
    })
    const admin = kafkajs(bootstrap).admin()
    await admin.connect()
    const { groups } = await admin.describeGroups([groupId])
    await admin.disconnect()
    expect(groups).toMatchObject([{ state: 'Stable', protocolType: 'consumer', protocol: 'ride-streams' }])
    const [member] = groups[0]?.members ?? []
    expect(AssignerProtocol.MemberMetadata.decode(member?.memberMetadata as Buffer)?.topics).toEqual([topic])
    expect(AssignerProtocol.MemberAssignment.decode(member?.memberAssignment as Buffer)?.assignment).toEqual({
      [topic]: [0, 1, 2],
    })
    await membership.leave()
  })
})
