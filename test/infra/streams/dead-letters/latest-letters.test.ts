import { afterEach, beforeEach, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../../infra/kafka/kafka.ts'
import { type DeadLetter, letterName } from '../../../../infra/streams/dead-letters/dead-letter.ts'
import { LatestLetters, type LetterClients } from '../../../../infra/streams/dead-letters/latest-letters.ts'
import { redriveId } from '../../../../infra/streams/dead-letters/redrive.ts'
import type { LogRecord } from '../../../../runtime/ports/log.ts'
import { deadLetterHeaders } from '../../../../runtime/task/dead-letter.ts'
import { InvalidRecordError } from '../../../../state/ports/errors.ts'
import { kafkaForTests, uniqueName } from '../../../support/kafka.ts'
import { readAll } from '../../../support/kafka-log.ts'

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
  const writer = () => clients.writer({ transactionalId: redriveId(topic) })
  return { admin: clients.admin(), reader: clients.reader({}), writer, close }
}

/** Resolves when readers of committed records see them: the next session of an id begins behind the markers of the last one. */
async function die(partition: number, ...values: readonly string[]): Promise<void> {
  const transactionalId = `${topic}-writer`
  const writer = kafka.writer({ transactionalId })
  await writer.init()
  const batch = writer.newBatch()
  for (const value of values) batch.append(topic, partition, 'key', value, Date.now(), [REASON])
  await writer.commit({ batch, offsets: [], group: () => null })
  await writer.close()
  const next = kafka.writer({ transactionalId })
  await next.init()
  await next.close()
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
  expect(await letters.find(letterName(newest as DeadLetter))).toEqual({
    letter: newest,
    isRedriven: false,
    diedAgainAs: null,
  })
  await letters.rest()
  expect(open).toBe(0)
  const late = new LatestLetters({ connect, topic, limit: 1, mostCounted: 7 })
  const { count, isComplete } = await late.latest()
  expect(isComplete).toBe(false)
  expect(count).toBeLessThanOrEqual(9)
  await late.rest()
})

it('a dead letter is sent back once, also by two at once; its next death is found by the letter before', async () => {
  const source = uniqueName('a-source')
  await kafka.admin().createTopics([{ name: source, partitions: 1, config: {} }])
  const from = { topic: source, partition: 0, offset: 7 }
  const raw: LogRecord = { offset: 7, timestamp: 5, key: Buffer.from('k'), value: Buffer.from('broken'), headers: [] }
  const headers = deadLetterHeaders(from, raw, new InvalidRecordError('schema', 'no JSON'))
  const bury = async (letter: LogRecord['headers']): Promise<void> => {
    const writer = kafka.writer({ transactionalId: null })
    await writer.init()
    const batch = writer.newBatch()
    batch.append(topic, 0, raw.key, raw.value, Date.now(), letter)
    await writer.commit({ batch, offsets: [], group: () => null })
  }
  await bury(headers)
  const letters = new LatestLetters({ connect, topic, limit: LIMIT, mostCounted: 7 })
  await letters.latest()
  expect(await letters.redrive('0:1')).toBeNull()
  const results = await Promise.all([letters.redrive('0:0'), letters.redrive('0:0')])
  expect(results.map((sent) => sent?.result)).toEqual(['redriven', 'already-redriven'])
  expect(results[0]?.target).toBe(`${source}-0`)
  const sent = (await readAll(kafka, source, [1]))[0]?.[0]
  expect([sent?.value, sent?.timestamp]).toEqual([raw.value, expect.any(Number)])
  // The mark of the transaction may be visible a moment later than the record.
  await expect.poll(() => letters.find('0:0')).toMatchObject({ isRedriven: true, diedAgainAs: null })
  await bury([...headers, ...(sent?.headers ?? [])])
  const { latest } = await letters.latest()
  expect(latest.map(letterName)).toEqual(['0:1', '0:0'])
  expect(await letters.find('0:0')).toMatchObject({ isRedriven: true, diedAgainAs: '0:1' })
  expect(await letters.find('0:1')).toMatchObject({ isRedriven: false, diedAgainAs: null })
  await letters.rest()
  // Nobody looks at this one: the balancer sent the requests of the dashboard elsewhere.
  const elsewhere = new LatestLetters({ connect, topic, limit: LIMIT, mostCounted: 7 })
  expect(await elsewhere.find('0:0')).toMatchObject({ isRedriven: true, diedAgainAs: '0:1' })
  expect(await elsewhere.redrive('0:0')).toMatchObject({ result: 'already-redriven' })
  expect([await elsewhere.find('0:9'), await elsewhere.redrive('1:0')]).toEqual([null, null])
  expect(open).toBe(0)
})
