import {
  type ICustomPartitioner,
  type Kafka,
  type Message,
  Partitioners,
  type PartitionMetadata,
  type Producer,
} from 'kafkajs'
import { kafkajsProducer } from '../support/kafkajs.ts'
import type { FedLedger } from './fed-ledger.ts'

/*
 * Owns the input: sends it at a constant rate, whatever happens to the brokers.
 * 1. A record is due at its place in the rate; when brokers were gone, what became due meanwhile is sent as soon as they are
 *    back, and counts as waiting since it was due.
 * 2. A batch that failed is sent again by a new producer: records may be in the log twice then, none is left out. What lies in the
 *    log is the truth for the oracle.
 */

const FLOOD_BATCH = 5000
const TICK_MS = 40
const MAX_BATCH = 500

export interface LoadRecord {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Record timestamp, epoch ms. */
  readonly timestamp: number
  /** Null: the producer's murmur2 of the key. A number is taken modulo the partition count. */
  readonly partitionHint: number | null
}

export interface ConstantLoadOptions {
  readonly kafka: Kafka
  readonly topics: readonly string[]
  readonly input: readonly LoadRecord[]
  readonly perSecond: number
  readonly fed: FedLedger
}

export class ConstantLoad {
  readonly #kafka: Kafka
  readonly #input: readonly LoadRecord[]
  readonly #perMs: number
  readonly #fed: FedLedger
  readonly #partitions: ReadonlyMap<string, PartitionMetadata[]>
  readonly #partitioner: ReturnType<ICustomPartitioner> = Partitioners.DefaultPartitioner()
  #producer: Producer | null = null
  #next = 0
  #startedAt: number | null = null
  #stopped = false
  #running: Promise<void> | null = null
  #flood: { readonly records: LoadRecord[]; readonly sent: () => void } | null = null

  static async of(options: ConstantLoadOptions): Promise<ConstantLoad> {
    const admin = options.kafka.admin()
    await admin.connect()
    const described = await admin.fetchTopicMetadata({ topics: [...options.topics] })
    await admin.disconnect()
    return new ConstantLoad(options, new Map(described.topics.map(({ name, partitions }) => [name, partitions])))
  }

  private constructor(
    { kafka, input, perSecond, fed }: ConstantLoadOptions,
    partitions: ReadonlyMap<string, PartitionMetadata[]>,
  ) {
    this.#kafka = kafka
    this.#input = input
    this.#perMs = perSecond / 1000
    this.#fed = fed
    this.#partitions = partitions
  }

  get sent(): number {
    return this.#next
  }

  /** How long the next record has been due, ms; 0 when there is none. */
  get behindMs(): number {
    if (this.#stopped || this.#startedAt === null || this.#next >= this.#input.length) return 0
    return Math.max(0, performance.now() - this.#startedAt - this.#next / this.#perMs)
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Sends these at once, while the load does not run. */
  async send(records: readonly LoadRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += MAX_BATCH) {
      await this.#send(records.slice(at, at + MAX_BATCH), performance.now())
    }
  }

  /** Sends these as fast as the brokers take them, beside what is due. Resolves when they are sent. */
  flood(records: readonly LoadRecord[]): Promise<void> {
    return new Promise((sent) => {
      this.#flood = { records: [...records], sent }
    })
  }

  /** Sends nothing new by itself, waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await this.#producer?.disconnect()
    this.#producer = null
  }

  async #run(): Promise<void> {
    const started = performance.now()
    this.#startedAt = started
    while (!this.#stopped && this.#next < this.#input.length) {
      await this.#sendFlood()
      const due = Math.floor((performance.now() - started) * this.#perMs)
      const some = this.#input.slice(this.#next, Math.min(due, this.#next + MAX_BATCH))
      if (some.length > 0) {
        await this.#send(some, started + this.#next / this.#perMs)
        this.#next += some.length
      }
      if (due - this.#next < MAX_BATCH) await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
  }

  async #sendFlood(): Promise<void> {
    const flood = this.#flood
    if (flood === null) return
    await this.#send(flood.records.splice(0, FLOOD_BATCH), performance.now())
    if (flood.records.length > 0) return
    this.#flood = null
    flood.sent()
  }

  async #send(records: readonly LoadRecord[], dueAt: number): Promise<void> {
    const byTopic = new Map<string, Message[]>()
    for (const record of records) {
      const messages = byTopic.get(record.topic) ?? []
      messages.push(this.#message(record))
      byTopic.set(record.topic, messages)
    }
    for (;;) {
      try {
        this.#producer ??= await kafkajsProducer(this.#kafka)
        const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }))
        const answers = await this.#producer.sendBatch({ topicMessages, acks: -1 })
        for (const { topicName, partition, baseOffset } of answers) {
          const count = byTopic.get(topicName)?.filter((message) => message.partition === partition).length ?? 0
          this.#fed.add(topicName, partition, Number(baseOffset), count, dueAt)
        }
        return
      } catch (error) {
        // By name: CommonJS tells Node of some of its exports only.
        if (!(error instanceof Error && error.name.startsWith('KafkaJS'))) throw error
        // Brokers are gone, or this producer is out of step with them: try again with a new one.
        await this.#producer?.disconnect().catch(() => undefined)
        this.#producer = null
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  #message({ topic, key, value, timestamp, partitionHint }: LoadRecord): Message {
    const message: Message = { key, value, timestamp: String(timestamp) }
    const partitionMetadata = this.#partitions.get(topic) ?? []
    const partition =
      partitionHint === null
        ? this.#partitioner({ topic, partitionMetadata, message })
        : partitionHint % partitionMetadata.length
    return { ...message, partition }
  }
}
