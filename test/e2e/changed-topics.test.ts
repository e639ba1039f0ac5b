import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Admin, ConfigResourceTypes, type Kafka, type Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../infra/kafka/kafka.ts'
import type { LostInput, RestoreEvent, ThreadListener } from '../../runtime/ports/instance-events.ts'
import { levelBackends } from '../../state/backends/level.ts'
import { countingPlan } from '../support/counting-plan.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'
import { startKafkaApp } from '../support/kafka-app.ts'
import { readAll } from '../support/kafka-log.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const PARTITIONS = [0, 1]

let kafka: KafkaCluster
let client: Kafka
let admin: Admin
let producer: Producer

beforeAll(async () => {
  const { bootstrap } = await kafkaForTests()
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'changed-topics-test' })
  client = kafkajs(bootstrap)
  admin = client.admin()
  await admin.connect()
  producer = await kafkajsProducer(client)
})
afterAll(async () => {
  await producer?.disconnect()
  await admin?.disconnect()
  await kafka?.close()
})

/** A counting application with topics of its own. */
async function application() {
  const prefix = `${uniqueName('changed')}-`
  const plan = countingPlan({ prefix })
  const [input, output, changelog] = [`${prefix}in`, `${prefix}out`, `${prefix}app-counts-changelog`]
  await kafka.admin().createTopics([input, output].map((name) => ({ name, partitions: PARTITIONS.length, config: {} })))
  const lines = async (): Promise<string[]> => {
    const ends = await kafka.admin().highWatermarks(PARTITIONS.map((partition) => ({ topic: output, partition })))
    return (await readAll(kafka, output, ends)).flat().map(({ key, value }) => `${key}=${value}`)
  }
  return {
    plan,
    input,
    changelog,
    lines,
    /** One more record of each key. */
    feed: () => producer.send({ topic: input, messages: KEYS.map((key) => ({ key, value: 'x' })) }),
    async untilOutputs(count: number): Promise<void> {
      while ((await lines()).length < count) await new Promise((resolve) => setTimeout(resolve, 50))
    },
  }
}

/** Brokers refuse to delete records of a compacted topic. */
async function policyOf(topic: string, policy: 'compact' | 'delete'): Promise<void> {
  const configEntries = [{ name: 'cleanup.policy', value: policy }]
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
  })
}

/** Each key counted up to that, once each. */
const counted = (count: number): string[] =>
  KEYS.flatMap((key) => Array.from({ length: count }, (_, i) => `${key}=${i + 1}`)).sort()

it('a store ahead of its changelog is wiped with a warning, restored, and counts exactly', async () => {
  const { plan, changelog, lines, feed, untilOutputs } = await application()
  const directory = await mkdtemp(join(tmpdir(), 'ride-changed-'))
  const events: RestoreEvent[] = []
  const run = async (name: string, outputs: number): Promise<void> => {
    events.length = 0
    const disk = levelBackends(join(directory, name))
    const onEvent: ThreadListener = (event) => {
      if (event.type === 'restore') events.push(event.restore)
    }
    const instance = await startKafkaApp({ kafka, plan, disk, onEvent })
    await feed()
    await untilOutputs(outputs)
    await instance.close()
    expect(await instance.stopped).toBeNull()
  }
  await run('first', KEYS.length)
  const partitions = PARTITIONS.map((partition) => ({ topic: changelog, partition }))
  const known = await kafka.admin().highWatermarks(partitions)
  await run('second', 2 * KEYS.length)
  await policyOf(changelog, 'delete')
  await kafka.admin().deleteRecords(partitions.map((one, i) => ({ ...one, offset: known[i] as number })))
  await policyOf(changelog, 'compact')
  await run('first', 3 * KEYS.length)
  await rm(directory, { recursive: true, force: true })
  expect((await lines()).sort()).toEqual(counted(3))
  const wiped = events.filter(({ type }) => type === 'wiped')
  expect(wiped.map(({ store, partition }) => `${store}-${partition}`).sort()).toEqual(['counts-0', 'counts-1'])
})

it('input that retention removed while the application was away is reported by partition and number, and the rest is counted', async () => {
  const { plan, input, lines, feed, untilOutputs } = await application()
  const lost: LostInput[] = []
  const run = async (outputs: number, meanwhile: () => Promise<unknown>): Promise<void> => {
    const onEvent: ThreadListener = (event) => {
      if (event.type === 'input-lost') lost.push(event.lost)
    }
    const instance = await startKafkaApp({ kafka, plan, onEvent })
    await meanwhile()
    await untilOutputs(outputs)
    await instance.close()
    expect(await instance.stopped).toBeNull()
  }
  await run(KEYS.length, feed)
  const partitions = PARTITIONS.map((partition) => ({ topic: input, partition }))
  const done = await kafka.admin().highWatermarks(partitions)
  await feed()
  const away = await kafka.admin().highWatermarks(partitions)
  await feed()
  await kafka.admin().deleteRecords(partitions.map((one, i) => ({ ...one, offset: away[i] as number })))
  await run(2 * KEYS.length, async () => undefined)
  expect((await lines()).sort()).toEqual(counted(2))
  expect(lost.sort((a, b) => a.partition - b.partition)).toEqual(
    PARTITIONS.map((partition) => {
      const [committed, position] = [done[partition] as number, away[partition] as number]
      return { taskId: `0_${partition}`, topic: input, partition, committed, position, records: position - committed }
    }),
  )
})

it('an input topic that gets more partitions stops the instance after a last commit, and the error names the counts', async () => {
  const { plan, input, lines, feed, untilOutputs } = await application()
  const instance = await startKafkaApp({ kafka, plan })
  await feed()
  await untilOutputs(KEYS.length)
  await admin.createPartitions({ topicPartitions: [{ topic: input, count: 3 }] })
  expect((await instance.stopped)?.message).toMatch(
    `input topic ${input} has 3 partitions and had 2 when this instance started: `,
  )
  expect((await lines()).sort()).toEqual(counted(1))
  await expect(startKafkaApp({ kafka, plan })).rejects.toThrow(/changelog has 2 partitions and needs 3/)
})

it('a deleted input topic stops the instance, and the error names the topic; committed results stay', async () => {
  const { plan, input, lines, feed, untilOutputs } = await application()
  const instance = await startKafkaApp({ kafka, plan })
  await feed()
  await untilOutputs(KEYS.length)
  // Some of it is in a transaction, or on its way to one, when the topic goes.
  await feed()
  await admin.deleteTopics({ topics: [input] })
  expect((await instance.stopped)?.message).toBe(`input topic ${input} was deleted while the application ran`)
  const committed = await lines()
  expect(new Set(committed).size).toBe(committed.length)
  expect(committed).toEqual(expect.arrayContaining(counted(1)))
  await expect(startKafkaApp({ kafka, plan })).rejects.toThrow(`topic ${input} does not exist`)
})
