import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Kafka } from 'kafkajs'
import { startLocalKafka } from '../infra/local-kafka/resolve.ts'
import { KafkaStreams } from '../infra/streams/kafka-streams.ts'
import { kafkajs, kafkajsProducer } from '../test/support/kafkajs.ts'
import { StreamsBuilder, serdes } from '../topology/index.ts'

/*
 * npm run bench:calls -- [--records N] [--latency MS] [--concurrency N]
 * mapAsync beside a consumer written by hand (kafkajs) with the same number of calls at once, each peer alone on one broker and one input.
 * The consumer commits offsets when the outputs of a batch are written: it repeats outputs after a crash, and keeps no order.
 */
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '50000' },
    latency: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '64' },
  },
})
const RECORDS = Number(values.records)
const LATENCY_MS = Number(values.latency)
const CONCURRENCY = Number(values.concurrency)
const PARTITIONS = 4
const KEYS = 10_000
const CHUNK = 1000

let calls = 0
async function ask(value: string): Promise<string> {
  calls++
  await sleep(LATENCY_MS)
  return `${value}!`
}

/** Resolves when every record has its output. */
async function untilOutputs(kafka: Kafka, topic: string): Promise<void> {
  const consumer = kafka.consumer({ groupId: `${topic}-watch` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let seen = 0
  await new Promise<void>((resolve, reject) => {
    const eachBatch = async ({ batch }: { readonly batch: { readonly messages: readonly unknown[] } }) => {
      seen += batch.messages.length
      if (seen >= RECORDS) resolve()
    }
    consumer.run({ eachBatch }).catch(reject)
  })
  await consumer.disconnect()
}

async function mapAsyncPeer(kafka: Kafka, bootstrap: string): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'bench-calls-'))
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const concurrency = Math.ceil(CONCURRENCY / PARTITIONS)
  builder.stream<string, string>('in').mapAsync(ask, { name: 'ask', concurrency }).to('out-streams')
  const streams = new KafkaStreams(builder.build(), {
    applicationId: 'bench',
    brokers: bootstrap,
    stateDir,
    logLevel: 'warn',
  })
  await streams.start()
  await untilOutputs(kafka, 'out-streams')
  await streams.close()
  await rm(stateDir, { recursive: true })
}

async function byHandPeer(kafka: Kafka): Promise<void> {
  const producer = await kafkajsProducer(kafka)
  const consumer = kafka.consumer({ groupId: 'by-hand' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'in', fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    eachBatch: async ({ batch, heartbeat }) => {
      const answers: string[] = new Array(batch.messages.length)
      let next = 0
      const worker = async (): Promise<void> => {
        for (let i = next++; i < answers.length; i = next++) answers[i] = await ask(String(batch.messages[i]?.value))
      }
      await Promise.all(Array.from({ length: Math.ceil(CONCURRENCY / PARTITIONS) }, worker))
      const messages = answers.map((value, i) => ({ key: batch.messages[i]?.key ?? null, value }))
      await producer.send({ topic: 'out-by-hand', messages })
      await heartbeat()
    },
  })
  await untilOutputs(kafka, 'out-by-hand')
  await consumer.disconnect()
  await producer.disconnect()
}

const broker = await startLocalKafka()
try {
  const kafka = kafkajs(broker.bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  const topics = ['in', 'out-streams', 'out-by-hand'].map((topic) => ({ topic, numPartitions: PARTITIONS }))
  await admin.createTopics({ topics })
  await admin.disconnect()
  const producer = await kafkajsProducer(kafka)
  for (let from = 0; from < RECORDS; from += CHUNK) {
    const messages = Array.from({ length: CHUNK }, (_, i) => ({
      key: String((from + i) % KEYS),
      value: String(from + i),
    }))
    await producer.send({ topic: 'in', messages })
  }
  await producer.disconnect()
  const most = Math.round((CONCURRENCY * 1000) / LATENCY_MS)
  process.stdout.write(
    `${RECORDS} records, ${CONCURRENCY} calls at once of ${LATENCY_MS} ms: at most ${most} a second\n`,
  )
  for (const [name, run] of [
    ['mapAsync', () => mapAsyncPeer(kafka, broker.bootstrap)],
    ['by hand', () => byHandPeer(kafka)],
  ] as const) {
    calls = 0
    const [begun, cpu] = [performance.now(), process.cpuUsage()]
    await run()
    const seconds = (performance.now() - begun) / 1000
    const used = process.cpuUsage(cpu)
    const micros = (used.user + used.system) / RECORDS
    process.stdout.write(
      `${name}: ${Math.round(RECORDS / seconds)} records/s (start and watching included), ${micros.toFixed(0)} µs of CPU a record, ${calls} calls\n`,
    )
  }
} finally {
  await broker.stop()
}
