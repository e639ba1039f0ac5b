import { type Kafka, KafkaJSError, Partitioners } from 'kafkajs'

/**
 * Commits one record and an offset in a transaction. kafkajs gives up where it should ask for the new leader or coordinator, so
 * it tries until it works; the test's time limit is the limit.
 */
export async function commitInTransaction(kafka: Kafka, topic: string): Promise<void> {
  while (!(await tryToCommit(kafka, topic))) await new Promise((resolve) => setTimeout(resolve, 100))
}

async function tryToCommit(kafka: Kafka, topic: string): Promise<boolean> {
  const producer = kafka.producer({
    transactionalId: topic,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  try {
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'committed', partition: 0 }] })
    await transaction.sendOffsets({
      consumerGroupId: topic,
      topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
    })
    await transaction.commit()
    return true
  } catch (error) {
    if (error instanceof KafkaJSError) return false
    throw error
  } finally {
    await producer.disconnect()
  }
}
