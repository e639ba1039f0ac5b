import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { KafkaAdmin } from '../../../infra/kafka/kafka-admin.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { write } from '../../support/kafka-log.ts'
import { kafkajs } from '../../support/kafkajs.ts'
import { leaveOpenTransaction } from '../../support/open-transaction.ts'
import { soloMember } from '../../support/solo-member.ts'

let kafka: KafkaCluster
let admin: KafkaAdmin
let bootstrap: string

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'admin-test' })
  admin = kafka.admin()
})
afterAll(() => kafka.close())

describe('KafkaAdmin', () => {
  it('creates missing topics with their settings, leaves existing ones unchanged, and deletes topics', async () => {
    const [one, two] = [uniqueName('admin'), uniqueName('admin')]
    await admin.createTopics([
      { name: one, partitions: 3, config: { 'cleanup.policy': 'compact', 'retention.ms': '-1' } },
    ])
    await admin.createTopics([
      { name: one, partitions: 5, config: {} },
      { name: two, partitions: 1, config: {} },
    ])
    const described = await admin.describeTopics([one, two, 'no-such-topic'])
    expect([...described.values()]).toMatchObject([
      { name: one, partitions: 3 },
      { name: two, partitions: 1 },
    ])
    expect(await admin.listTopics()).toEqual(expect.arrayContaining([one, two].sort()))
    const other = kafkajs(bootstrap).admin()
    await other.connect()
    const { resources } = await other.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: one }] })
    const configs = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]))
    expect([configs.get('cleanup.policy'), configs.get('retention.ms')]).toEqual(['compact', '-1'])
    await other.disconnect()
    await admin.deleteTopics([two])
    // The answering broker may learn of the deletion a moment after the controller.
    await expect.poll(() => admin.listTopics()).not.toContain(two)
    await expect(
      admin.createTopics([{ name: uniqueName('admin'), partitions: 1, config: { nonsense: '1' } }]),
    ).rejects.toMatchObject({
      code: 'CONFIG',
    })
  })

  it('waits for the offsets of a transaction that is being committed', async () => {
    const topic = uniqueName('admin')
    await admin.createTopics([{ name: topic, partitions: 1, config: {} }])
    const member = await soloMember(kafka, uniqueName('group'))
    const { groupId } = member()
    const offset = (at: number) => ({ topic, partition: 0, offset: at, metadata: 'm' })
    const writer = kafka.writer({ transactionalId: uniqueName('tx') })
    await writer.init()
    await write(writer, [], [offset(10)], member)
    expect(await admin.committedOffsets(groupId, [offset(0)])).toEqual([offset(10)])

    const open = await leaveOpenTransaction(bootstrap, uniqueName('tx'), topic, ['v'], [offset(20)], member())
    // Without requireStable the broker would say 10 at once, and a new owner would process from there again.
    const asked = admin.committedOffsets(groupId, [offset(0)])
    const early = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 500, 'still waiting'))])
    expect(early).toBe('still waiting')
    await open.commit()
    expect(await asked).toEqual([offset(20)])
    expect(await admin.allCommittedOffsets(groupId)).toEqual([offset(20)])
  })

  it('finds offsets by time, the log start, and the log end with and without open transactions', async () => {
    const topic = uniqueName('admin')
    await admin.createTopics([{ name: topic, partitions: 2, config: { 'retention.ms': '-1' } }])
    const writer = kafka.writer({ transactionalId: null })
    await writer.init()
    const at = (timestamp: number) => ({ topic, partition: 0, key: null, value: 'v', timestamp })
    await write(writer, [at(1000), at(2000), at(3000)])
    await leaveOpenTransaction(bootstrap, uniqueName('tx'), topic, ['open'])
    const both = [
      { topic, partition: 1 },
      { topic, partition: 0 },
    ]
    expect(await admin.highWatermarks(both)).toEqual([0, 4])
    expect(await admin.lastStableOffsets(both)).toEqual([0, 3])
    expect(await admin.earliestOffsets(both)).toEqual([0, 0])
    expect(await admin.offsetsForTime(both, 1500)).toEqual([-1, 1])
    expect(await admin.offsetsForTime(both, 9e12)).toEqual([-1, -1])
    await admin.deleteRecords([{ topic, partition: 0, offset: 2 }])
    expect(await admin.earliestOffsets(both)).toEqual([0, 2])
    const hasty = kafka.admin({ timeoutMs: 1000 })
    await expect(hasty.highWatermarks([{ topic, partition: 9 }])).rejects.toMatchObject({ code: 'KAFKA_FATAL' })
  })

  it('describes groups, and knows when a group does not exist', async () => {
    const member = await soloMember(kafka, uniqueName('group'))
    expect(await admin.describeGroup(member().groupId)).toMatchObject({
      state: 'Stable',
      members: [{ memberId: member().memberId, clientId: 'admin-test' }],
    })
    expect(await admin.describeGroup(uniqueName('no-group'))).toBeNull()
  })

  it('names the brokers it cannot reach', async () => {
    const lost = connectKafka({ brokers: ['127.0.0.1:1'], clientId: 'lost' }).admin({ timeoutMs: 300 })
    await expect(lost.describeTopics(['t'])).rejects.toMatchObject({
      code: 'KAFKA_CONNECTION',
      message: expect.stringContaining('127.0.0.1:1'),
    })
    await lost.close()
  })
})
