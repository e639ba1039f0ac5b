import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../infra/kafka/kafka.ts'
import { realClock } from '../../infra/streams/real-clock.ts'
import type { RunningInstance } from '../../runtime/instance/running-instance.ts'
import { IDLE_INPUTS, IDLE_OUTPUTS, idlePlan, JOIN_TICKS, WINDOW_TICKS } from '../support/idle-topology.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'
import { startKafkaApp } from '../support/kafka-app.ts'
import { readAll, write } from '../support/kafka-log.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'

const PARTITIONS = [0, 1]
const prefix = `${uniqueName('idle')}-`
const applicationId = `${prefix}app`
const plan = idlePlan({ afterMs: 100, prefix })

let bootstrap: string
let kafka: KafkaCluster

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'idle-windows-test' })
  const names = [...IDLE_INPUTS, ...IDLE_OUTPUTS].map((topic) => prefix + topic)
  await kafka.admin().createTopics(names.map((name) => ({ name, partitions: PARTITIONS.length, config: {} })))
})
afterAll(() => kafka.close())

const start = (): Promise<RunningInstance> => startKafkaApp({ kafka, plan })

/** Committed records of each partition. */
async function read(topic: string): Promise<string[][]> {
  const ends = await kafka.admin().highWatermarks(PARTITIONS.map((partition) => ({ topic, partition })))
  const records = await readAll(kafka, topic, ends)
  return records.map((list) => list.map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`))
}

async function results(): Promise<Record<string, string[][]>> {
  const found: Record<string, string[][]> = {}
  for (const topic of IDLE_OUTPUTS) found[topic] = await read(prefix + topic)
  return found
}

/** Reads again and again: a reader waits for the end of open transactions, so this does not spin. */
async function resultsWith(count: number): Promise<Record<string, string[][]>> {
  for (;;) {
    const found = await results()
    if (Object.values(found).flat(2).length >= count) return found
    await realClock.sleep(50)
  }
}

/** Back to the beginning, as a tool for offsets does it: the group's offsets and the changelogs. */
async function reset(): Promise<void> {
  const tool = connectKafka({ brokers: [bootstrap], clientId: 'reset-tool' })
  const writer = tool.writer({ transactionalId: null })
  await writer.init()
  const offsets = IDLE_INPUTS.flatMap((topic) =>
    PARTITIONS.map((partition) => ({ topic: prefix + topic, partition, offset: 0, metadata: '' })),
  )
  const membership = tool.membership({
    groupId: applicationId,
    groupInstanceId: null,
    info: { processId: 'tool', transactionalIds: [], threads: 1, applicationServer: null, topology: 't' },
    tasks: [],
  })
  const ignore = async (): Promise<void> => undefined
  const onFatal = (error: Error): void => expect.unreachable(error.message)
  await membership.join({ report: async () => ({ active: [], lags: {} }), onAssigned: ignore, onLost: ignore, onFatal })
  await write(writer, [], offsets, () => membership.current())
  await membership.leave()
  await tool.close()
  const admin = kafkajs(bootstrap).admin()
  await admin.connect()
  await admin.deleteTopics({
    topics: plan.internalTopics.filter(({ kind }) => kind === 'changelog').map(({ name }) => name),
  })
  await admin.disconnect()
}

it('idle ticks close windows on a real Kafka, and a replay from the beginning gives the same results', async () => {
  const producer = await kafkajsProducer(kafkajs(bootstrap))
  const put = async (topic: string, key: string, timestamp: number): Promise<void> => {
    const message = { key, value: `${topic}${timestamp}`, timestamp: String(timestamp), partition: Number(key[0]) }
    await producer.send({ topic: prefix + topic, messages: [message] })
  }
  const first = await start()
  const now = Date.now()
  const base = now - (now % 1000)
  await put('in', '0a', base + 900)
  await put('in', '1b', base + 950)
  await put('left', '0a', base)
  await resultsWith(5)
  // Late, and one that closes nothing by itself.
  await put('in', '0a', base + 900)
  await put('in', '1b', base + 5900)
  await put('right', '1b', base)
  const live = await resultsWith(8)
  await first.close()
  expect(live).toEqual({
    finals: [[`0a=${base}:1@${base + 900}`], [`1b=${base}:1@${base + 950}`, `1b=${base + 5000}:1@${base + 5900}`]],
    sessions: [
      [`0a=${base + 900}-${base + 900}:1@${base + 900}`],
      [`1b=${base + 950}-${base + 950}:1@${base + 950}`, `1b=${base + 5900}-${base + 5900}:1@${base + 5900}`],
    ],
    pairs: [[`0a=left${base}+null@${base}`], [`1b=null+right${base}@${base}`]],
  })
  const ticks = [await read(prefix + WINDOW_TICKS), await read(prefix + JOIN_TICKS)]

  await reset()
  const second = await start()
  const all = await resultsWith(16)
  await second.close()
  for (const topic of IDLE_OUTPUTS)
    for (const partition of PARTITIONS) {
      const records = live[topic]?.[partition] ?? []
      expect(all[topic]?.[partition]?.slice(records.length)).toEqual(records)
    }
  expect([await read(prefix + WINDOW_TICKS), await read(prefix + JOIN_TICKS)]).toEqual(ticks)
  await producer.disconnect()
})
