import type { Kafka, Producer } from 'kafkajs'
import type { LoadRecord } from './constant-load.ts'

const EVERY_MS = 300
const BATCH = 20
/** A broker that was killed may leave a transaction open: readers wait so long for it at most, and ten seconds more. */
const TRANSACTION_MS = 5000

/*
 * Owns a producer beside the load: it writes records like those of the load into the same partitions, in transactions that it aborts. None
 * may have an effect.
 * 1. At most one transaction is open; stop() resolves when it is aborted.
 */
export class AbortedLoad {
  aborted = 0
  readonly #kafka: Kafka
  readonly #records: readonly LoadRecord[]
  readonly #ended: Promise<void>
  #producer: Producer | null = null
  #stopped = false

  constructor(kafka: Kafka, records: readonly LoadRecord[]) {
    this.#kafka = kafka
    this.#records = records
    this.#ended = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
    await this.#producer?.disconnect()
  }

  async #run(): Promise<void> {
    for (let at = 0; !this.#stopped && this.#records.length > 0; at = (at + BATCH) % this.#records.length) {
      try {
        this.#producer ??= await this.#connected()
        await this.#abort(this.#producer, this.#records.slice(at, at + BATCH))
      } catch (error) {
        // By name: CommonJS tells Node of some of its exports only.
        if (!(error instanceof Error && error.name.startsWith('KafkaJS'))) throw error
        // The next producer of that transactional id aborts what this one left open.
        await this.#producer?.disconnect().catch(() => undefined)
        this.#producer = null
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  async #connected(): Promise<Producer> {
    const producer = this.#kafka.producer({
      ...{ transactionalId: 'aborted-load', idempotent: true, maxInFlightRequests: 1 },
      transactionTimeout: TRANSACTION_MS,
    })
    await producer.connect()
    return producer
  }

  async #abort(producer: Producer, records: readonly LoadRecord[]): Promise<void> {
    const transaction = await producer.transaction()
    // In one request to each broker: readers wait while the transaction is open.
    const topicMessages = [...Map.groupBy(records, (one) => one.topic)].map(([topic, some]) => ({
      topic,
      messages: some.map(({ key, value, timestamp }) => ({ key, value, timestamp: String(timestamp) })),
    }))
    await transaction.sendBatch({ topicMessages })
    await transaction.abort()
    this.aborted += records.length
  }
}
