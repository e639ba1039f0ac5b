import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import { uniqueName } from '../../support/kafka.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'
import { API, type ProxiedAnswer } from '../../support/kafka-proxy.ts'
import { borrowProxiedKafka } from '../../support/proxied-kafka.ts'

// One bit of what a broker answers is flipped on its way to us.
let kafka: Awaited<ReturnType<typeof borrowProxiedKafka>>
let topic: string

const VALUES = Array.from({ length: 20 }, (_, i) => `value ${i}`)

beforeAll(async () => {
  kafka = await borrowProxiedKafka()
  topic = uniqueName('damaged')
  const client = connectKafka({ brokers: [kafka.bootstrap], clientId: 'steady' })
  await client.admin().createTopics([{ name: topic, partitions: 1, config: {} }])
  const writer = client.writer({ transactionalId: null })
  await writer.init()
  for (const value of VALUES) await write(writer, [{ topic, partition: 0, key: null, value }])
  await client.close()
})
afterEach(() => {
  kafka.proxy.flip = () => null
})
afterAll(async () => {
  await kafka?.proxy.close()
  await kafka?.broker.stop()
})

/** Its requests are recognised by this name. */
function newClient() {
  const clientId = uniqueName('client')
  const retries: string[] = []
  const client = connectKafka({ brokers: [kafka.bootstrap], clientId })
  const onRetry = (message: string): void => void retries.push(message)
  return { client, clientId, retries, onRetry }
}

const recordsIn = ({ apiKey, frame }: ProxiedAnswer): boolean => apiKey === API.fetch && frame.includes('value 7')

it('a record batch with a flipped bit is fetched again, and the log names offset and broker', async () => {
  const { client, clientId, retries, onRetry } = newClient()
  let flips = 0
  kafka.proxy.flip = (answer) => {
    if (answer.clientId !== clientId || !recordsIn(answer) || flips === 3) return null
    flips++
    return (answer.frame.indexOf('value 7') + 6) * 8
  }
  const [records] = await readAll(client, topic, [VALUES.length], { onRetry })
  expect(records?.map(({ value }) => text(value))).toEqual(VALUES)
  // The records before the damaged batch come from the first answer.
  expect(retries).toEqual(
    Array.from(
      { length: 3 },
      () =>
        `the record batch at offset 7 of ${topic}-0 from ${kafka.bootstrap} is damaged: its checksum does not match`,
    ),
  )
  await client.close()
})

it('a record batch that stays damaged is an error, after the records before it', async () => {
  const { client, clientId, retries, onRetry } = newClient()
  kafka.proxy.flip = (answer) =>
    answer.clientId === clientId && recordsIn(answer) ? (answer.frame.indexOf('value 7') + 6) * 8 : null
  const reader = client.reader({ onRetry })
  reader.assign({ topic, partition: 0 }, 0)
  const read: (string | null)[] = []
  const reading = async (): Promise<void> => {
    for (;;) for (const { records } of await reader.poll(1000)) read.push(...records.map(({ value }) => text(value)))
  }
  await expect(reading()).rejects.toMatchObject({
    code: 'CORRUPT_BATCH',
    topic,
    partition: 0,
    offset: 7,
    message: expect.stringContaining(`offset 7 of ${topic}-0 from ${kafka.bootstrap}`),
  })
  expect([read, retries.length]).toEqual([VALUES.slice(0, 7), 10])
  await reader.close()
  await client.close()
})

it("a flipped bit in the protocol's bytes closes the connection, and the error names the broker", async () => {
  const { client, clientId, retries, onRetry } = newClient()
  // Once for each kind of answer: its length is one less, its id another's, and it has more elements than bytes.
  const damages = [
    ({ frame }: ProxiedAnswer) => 24 + Math.log2(frame.readInt32BE(0) & -frame.readInt32BE(0)),
    () => 7 * 8,
  ]
  const seen = new Map<number, number>()
  const flipped: number[] = []
  kafka.proxy.flip = (answer) => {
    const times = seen.get(answer.apiKey) ?? 0
    if (answer.clientId !== clientId || times >= damages.length) return null
    seen.set(answer.apiKey, times + 1)
    flipped.push(answer.apiKey)
    return damages[times]?.(answer) ?? null
  }
  const admin = client.admin()
  const at = { topic, partition: 0 }
  expect((await admin.describeTopics([topic])).get(topic)?.partitions).toBe(1)
  expect(await admin.highWatermarks([at])).toEqual([VALUES.length])
  expect(await admin.earliestOffsets([at])).toEqual([0])
  expect(await admin.committedOffsets('nobody', [at])).toEqual([])
  const [records] = await readAll(client, topic, [VALUES.length], { onRetry })
  expect(records?.map(({ value }) => text(value))).toEqual(VALUES)
  const asked = new Set(flipped)
  expect([asked.size >= 5, flipped.length]).toEqual([true, 2 * asked.size])
  expect(retries.filter((message) => !message.startsWith(`${kafka.bootstrap}: malformed `))).toEqual([])
  await client.close()
})
