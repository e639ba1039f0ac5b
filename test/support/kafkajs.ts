import {
  type Consumer,
  type ICustomPartitioner,
  Kafka,
  type KafkaMessage,
  logLevel,
  type Message,
  Partitioners,
  type Producer,
  type RetryOptions,
} from 'kafkajs'

/** kafkajs, which the services around us use: it writes the input and reads the output. Addresses are comma separated. */
export function kafkajs(bootstrap: string, retry: RetryOptions = { retries: 10 }): Kafka {
  return new Kafka({ brokers: bootstrap.split(','), clientId: 'kafkajs', logLevel: logLevel.NOTHING, retry })
}

/** kafkajs asks for the partitions of all messages at each try, and would repeat a message without a key in another partition. */
export const samePartitionAtEachTry: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner()
  const chosen = new WeakMap<Message, number>()
  return (args) => {
    const partition = chosen.get(args.message) ?? choose(args)
    chosen.set(args.message, partition)
    return partition
  }
}

/** Idempotent: without it, a retry after a refusal by one partition repeats the records of the others. */
export async function kafkajsProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({ createPartitioner: samePartitionAtEachTry, idempotent: true })
  await producer.connect()
  return producer
}

export type ReadRecord = KafkaMessage & { readonly topic: string; readonly partition: number }

const SENTINEL = '__end-of-test'

/**
 * Everything committed in the topics, partition by partition in offset order (read_committed). Ends each
 * partition with a sentinel record and reads up to it, so nothing depends on time.
 */
export async function readCommitted(kafka: Kafka, topics: readonly string[], groupId: string): Promise<ReadRecord[]> {
  const admin = kafka.admin()
  await admin.connect()
  const producer = await kafkajsProducer(kafka)
  const waiting = new Set<string>()
  for (const { name, partitions } of (await admin.fetchTopicMetadata({ topics: [...topics] })).topics) {
    for (const { partitionId } of partitions) {
      waiting.add(`${name}:${partitionId}`)
      await producer.send({ topic: name, messages: [{ key: SENTINEL, value: SENTINEL, partition: partitionId }] })
    }
  }
  await producer.disconnect()
  await admin.disconnect()
  const consumer = kafka.consumer({ groupId })
  const records: ReadRecord[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await untilSentinels(consumer, waiting, records)
  } finally {
    await consumer.disconnect()
  }
  return records.sort(
    (a, b) =>
      (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) ||
      a.partition - b.partition ||
      Number(a.offset) - Number(b.offset),
  )
}

function untilSentinels(consumer: Consumer, waiting: Set<string>, records: ReadRecord[]): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer
      .run({
        eachMessage: async ({ topic, partition, message }) => {
          if (message.key?.toString() !== SENTINEL) records.push({ ...message, topic, partition })
          else if (waiting.delete(`${topic}:${partition}`) && waiting.size === 0) resolve()
        },
      })
      .catch(reject)
  })
}
