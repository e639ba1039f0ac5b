import { afterEach, beforeEach, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../../infra/kafka/kafka.ts'
import { type DeadLetter, letterName } from '../../../../infra/streams/dead-letters/dead-letter.ts'
import { LatestLetters, type LetterClients } from '../../../../infra/streams/dead-letters/latest-letters.ts'
import { kafkaForTests, uniqueName } from '../../../support/kafka.ts'

const LIMIT = 5
const REASON = { key: '__streams.errors.reason', value: Buffer.from('schema') }
let kafka: KafkaCluster
let topic: string
let bootstrap: string
let open = 0

beforeEach(async () => {
  ;({ bootstrap } = await kafkaForTests())
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'letters-test' })
  topic = uniqueName('app.dlq')
  await kafka
    .admin()
    .createTopics([{ name: topic, partitions: 2, config: { 'message.timestamp.type': 'LogAppendTime' } }])
})

afterEach(() => kafka.close())

function connect(): LetterClients {
  const clients = connectKafka({ brokers: [bootstrap], clientId: 'letters-test' })
  open++
  const close = (): Promise<void> => {
    open--
    return clients.close()
  }
  return { admin: clients.admin(), reader: clients.reader({}), close }
}

async function die(partition: number, ...values: readonly string[]): Promise<void> {
  const writer = kafka.writer({ transactionalId: `${topic}-writer` })
  await writer.init()
  const batch = writer.newBatch()
  for (const value of values) batch.append(topic, partition, 'key', value, Date.now(), [REASON])
  await writer.commit({ batch, offsets: [], group: () => null })
  await writer.close()
}

it('dead letters are listed newest first over all partitions, and each is read once', async () => {
  const letters = new LatestLetters({ connect, topic, limit: LIMIT, mostCounted: 7 })
  const names = async () => (await letters.latest()).latest.map(letterName)
  expect(await names()).toEqual([])
  await die(0, 'a', 'b', 'c', 'd', 'e', 'f', 'g')
  expect(await names()).toEqual(['0:6', '0:5', '0:4', '0:3', '0:2'])
  await die(1, 'h')
  expect(await names()).toEqual(['1:0', '0:6', '0:5', '0:4', '0:3'])
  expect(await names()).toEqual(['1:0', '0:6', '0:5', '0:4', '0:3'])
  await letters.rest()
  expect(open).toBe(0)
  await die(1, 'i')
  expect(await names()).toEqual(['1:2', '1:0', '0:6', '0:5', '0:4'])
  await letters.rest()
})

it('dead letters are counted by reason, none twice; without the markers of transactions; of many, the newest', async () => {
  await die(0, 'a', 'b')
  await die(1, 'c')
  const letters = new LatestLetters({ connect, topic, limit: 1, mostCounted: 7 })
  const counts = async () => {
    const { count, byReason, isComplete } = await letters.latest()
    return { count, byReason, isComplete }
  }
  expect(await counts()).toEqual({ count: 3, byReason: [['schema', 3]], isComplete: true })
  await die(1, 'd')
  expect(await counts()).toEqual({ count: 4, byReason: [['schema', 4]], isComplete: true })
  await letters.rest()
  await die(0, ...'efghijkl')
  expect((await letters.find('1:9'))?.letter).toBeUndefined()
  const [newest] = (await letters.latest()).latest
  expect(await letters.find(letterName(newest as DeadLetter))).toEqual({ letter: newest, isRedriven: false })
  await letters.rest()
  expect(open).toBe(0)
  const late = new LatestLetters({ connect, topic, limit: 1, mostCounted: 7 })
  const { count, isComplete } = await late.latest()
  expect(isComplete).toBe(false)
  expect(count).toBeLessThanOrEqual(9)
  await late.rest()
})
