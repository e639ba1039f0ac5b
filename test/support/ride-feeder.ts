import type { Kafka } from 'kafkajs'
import { kafkajsProducer } from './kafkajs.ts'
import type { RideInputRecord } from './ride-input.ts'

/** Sends the input in order, a few records at a time. */
export class RideFeeder {
  readonly #input: readonly RideInputRecord[]
  readonly #kafka: Kafka
  #producer: Awaited<ReturnType<typeof kafkajsProducer>> | null = null
  #next = 0
  #waiting: { at: number; resolve: () => void } | null = null

  constructor(input: readonly RideInputRecord[], client: Kafka) {
    this.#input = input
    this.#kafka = client
  }

  get left(): number {
    return this.#input.length - this.#next
  }

  async feed(count: number): Promise<void> {
    this.#producer ??= await kafkajsProducer(this.#kafka)
    const end = this.#next + count
    while (this.#next < end) {
      const some = this.#input.slice(this.#next, Math.min(end, this.#next + 20))
      const topics = [...new Set(some.map(({ topic }) => topic))]
      await this.#producer.sendBatch({
        topicMessages: topics.map((topic) => ({
          topic,
          messages: some
            .filter((record) => record.topic === topic)
            .map(({ key, value, timestamp, partitionHint }) => ({
              key,
              value,
              timestamp: String(timestamp),
              ...(partitionHint === null ? {} : { partition: partitionHint % 3 }),
            })),
        })),
      })
      this.#next += some.length
      if (this.#waiting !== null && this.#next >= this.#waiting.at) this.#waiting.resolve()
    }
    this.#waiting?.resolve()
  }

  /** Resolves when so many more are sent, or all of this feed. */
  sent(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { at: this.#next + count, resolve }
    })
  }

  async close(): Promise<void> {
    await this.#producer?.disconnect()
  }
}
