import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import kafkajs, { type Admin, CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs'
import { decompressFrame } from 'lz4-napi'
import { startLocalKafka } from '../../infra/local-kafka/resolve.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { type InputRecord, type Json, oracle, revenueDifferences } from '../../test/support/oracle.ts'
import { rideInput } from '../../test/support/ride-input.ts'
import { startKafkaStreamsPeer } from './kafka-streams.ts'

/*
 * Is the peer right? Nasty input through the Java program, every output compared with the oracle of the tests.
 * Usage: node bench/peers/check-kafka-streams.ts [--count 20000] [--seed 1] [--threads 1]
 */

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
})
const APP = 'peer-check'

// A CommonJS export that Node does not see by name.
kafkajs.CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: () => Promise.reject(new Error('only read here')),
  decompress: decompressFrame,
})

interface Read extends InputRecord {
  readonly headers: Readonly<Record<string, string>>
}

const directory = await mkdtemp(join(tmpdir(), 'peer-check-'))
const broker = await startLocalKafka()
try {
  const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  const inputTopics = await makeTopics(admin)
  await produce(kafka)
  const peer = await startKafkaStreamsPeer({
    bootstrap: broker.bootstrap,
    applicationId: APP,
    threads: Number(values.threads),
    stateDir: join(directory, 'state'),
  })
  await peer.running
  await drained(admin, inputTopics)
  await peer.stop()
  const differences = await compare(kafka, admin, inputTopics)
  await admin.disconnect()
  for (const line of differences.slice(0, 20)) process.stdout.write(`${line}\n`)
  process.stdout.write(`${differences.length} differences\n`)
  process.exitCode = differences.length === 0 ? 0 : 1
} finally {
  await broker.stop()
  await rm(directory, { recursive: true, force: true })
}

async function makeTopics(admin: Admin): Promise<string[]> {
  const specs = rideTopics({ applicationId: APP, outputRetentionMs: -1 })
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 30_000,
    topics: specs.map(({ name, partitions }) => ({
      topic: name,
      numPartitions:
        typeof partitions === 'number' ? partitions : partitions.sameAs === 'driver.location.updated' ? 6 : 3,
      configEntries: [{ name: 'retention.ms', value: '-1' }],
    })),
  })
  return specs.filter(({ role }) => role === 'input').map(({ name }) => name)
}

async function produce(kafka: Kafka): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const records = rideInput({ seed: Number(values.seed), count: Number(values.count) })
  for (let from = 0; from < records.length; from += 1000) {
    const byTopic = Map.groupBy(records.slice(from, from + 1000), (record) => record.topic)
    await producer.sendBatch({
      compression: CompressionTypes.None,
      topicMessages: [...byTopic].map(([topic, messages]) => ({
        topic,
        messages: messages.map(({ key, value, timestamp, partitionHint }) => ({
          key,
          value,
          timestamp: String(timestamp),
          ...(partitionHint === null ? {} : { partition: partitionHint % 3 }),
        })),
      })),
    })
  }
  await producer.disconnect()
}

/** Until the committed offsets of all topics the group reads stand at the ends, and stay there. */
async function drained(admin: Admin, topics: readonly string[]): Promise<void> {
  const repartition = `${APP}-revenue-by-hour-repartition`
  for (let quiet = 0; quiet < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const committed = await admin.fetchOffsets({ groupId: APP, topics: [...topics, repartition] })
    let behind = 0
    for (const { topic, partitions } of committed) {
      const ends = await admin.fetchTopicOffsets(topic)
      for (const { partition, offset } of partitions) {
        const end = Number(ends.find((one) => one.partition === partition)?.high ?? 0)
        // The last offsets of a transactional topic are markers, which a consumer steps over without committing.
        behind += Math.max(0, end - Math.max(0, Number(offset)) - (topic === repartition ? 50 : 0))
      }
    }
    quiet = behind === 0 ? quiet + 1 : 0
  }
}

async function readAll(kafka: Kafka, admin: Admin, topic: string): Promise<Read[]> {
  const ends = new Map<number, number>()
  for (const { partition, high } of await admin.fetchTopicOffsets(topic))
    if (high !== '0') ends.set(partition, Number(high))
  const found: Read[] = []
  if (ends.size === 0) return found
  const consumer = kafka.consumer({ groupId: `read-${topic}-${Date.now()}`, readUncommitted: false })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const progress = Promise.withResolvers<void>()
  await consumer.run({
    // The last batch of a partition may be markers only, which no handler sees: offsets of batches tell.
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const { offset, key, value, timestamp, headers } of batch.messages) {
        const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])
        const at = { topic, partition: batch.partition, offset: Number(offset), timestamp: Number(timestamp) }
        found.push({ ...at, key: key as Buffer | null, value, headers: Object.fromEntries(texts) })
      }
      // Marker behind the last record: transactional topics end with one.
      if (Number(batch.lastOffset()) + 2 >= (ends.get(batch.partition) ?? 0)) ends.delete(batch.partition)
      if (ends.size === 0) progress.resolve()
    },
  })
  await progress.promise
  await consumer.disconnect()
  return found.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

async function compare(kafka: Kafka, admin: Admin, inputTopics: readonly string[]): Promise<string[]> {
  const input = (await Promise.all(inputTopics.map((topic) => readAll(kafka, admin, topic)))).flat()
  const expected = oracle(input)
  const differences: string[] = []
  const differ = (what: string, actual: unknown, wanted: unknown) => {
    if (!isDeepStrictEqual(actual, wanted)) {
      differences.push(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(wanted)}`)
    }
  }
  const json = (record: Read) => JSON.parse(String(record.value)) as Json

  const trips = new Map((await readAll(kafka, admin, 'trip.state')).map((record) => [String(record.key), json(record)]))
  differ('trips', [...trips.keys()].sort(), [...expected.trips.keys()].sort())
  for (const [id, trip] of expected.trips) differ(`trip ${id}`, trips.get(id), trip)

  const changes = Map.groupBy(await readAll(kafka, admin, 'driver.cell.changed'), (record) => String(record.key))
  differ(
    'drivers',
    [...changes.keys()].sort(),
    [...expected.cellChanges]
      .filter(([, all]) => all.length > 0)
      .map(([id]) => id)
      .sort(),
  )
  for (const [id, wanted] of expected.cellChanges) {
    const actual = (changes.get(id) ?? []).map((record) => ({
      value: json(record),
      correlationId: record.headers['correlation-id'] ?? null,
      timestamp: record.timestamp,
    }))
    differ(`cell changes of ${id}`, actual, wanted)
  }

  const revenue = await readAll(kafka, admin, 'analytics.hourly_revenue')
  differences.push(
    ...revenueDifferences(expected, new Map(revenue.map((record) => [String(record.key), json(record)]))),
  )

  const letters = (await readAll(kafka, admin, `${APP}.dlq`)).map(({ headers }) => ({
    topic: headers['__streams.errors.topic'] ?? '',
    partition: Number(headers['__streams.errors.partition']),
    offset: Number(headers['__streams.errors.offset']),
  }))
  const place = (letter: Pick<InputRecord, 'topic' | 'partition' | 'offset'>) =>
    `${letter.topic}-${letter.partition}@${letter.offset}`
  const dead = letters.map(place)
  const wanted = expected.deadLetters.map(place)
  const show = (at: string) => `${at} ${input.find((record) => place(record) === at)?.value}`
  differ('dead letters, each once', dead.length, new Set(dead).size)
  differ('dead letters that should live', dead.filter((at) => !wanted.includes(at)).map(show), [])
  differ('living that should be dead', wanted.filter((at) => !dead.includes(at)).map(show), [])
  process.stdout.write(
    `${input.length} records in, ${expected.trips.size} trips, ${expected.cellChanges.size} drivers, ` +
      `${expected.revenue.size} hours, ${expected.deadLetters.length} dead letters\n`,
  )
  return differences
}
