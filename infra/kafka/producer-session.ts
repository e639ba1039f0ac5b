import { partitionKey } from '../../state/ports/topic-partition.ts'

/** After this time the markers of a transaction are written, unless the brokers are overloaded, ms. */
const MARKERS_MS = 50

/*
 * One producer id + epoch, and the sequence number each partition goes on with.
 * 1. A batch keeps the sequence it was first sent with, however often it is sent: the broker knows it again.
 * 2. A session ends with the first failed commit; the next one starts all sequences at 0 under a new epoch.
 */
export class ProducerSession {
  readonly transactional: boolean
  #producerId: number
  #producerEpoch: number
  /** When EndTxn of the last transaction was answered, performance.now(). */
  #endedAt = Number.NEGATIVE_INFINITY
  readonly #sequences = new Map<string, number>()

  constructor(producerId: number, producerEpoch: number, transactional: boolean) {
    this.#producerId = producerId
    this.#producerEpoch = producerEpoch
    this.transactional = transactional
  }

  get producerId(): number {
    return this.#producerId
  }

  get producerEpoch(): number {
    return this.#producerEpoch
  }

  /** The markers of the last transaction may still be on their way: the coordinator takes nothing for the next one before. */
  get mayBeCompleting(): boolean {
    return performance.now() - this.#endedAt < MARKERS_MS
  }

  nextSequence(topic: string, partition: number): number {
    return this.#sequences.get(partitionKey({ topic, partition })) ?? 0
  }

  /** The broker has acknowledged `count` records. Sequences wrap at 2^31, as in Kafka. */
  acknowledged(topic: string, partition: number, count: number): void {
    const next = this.nextSequence(topic, partition) + count
    this.#sequences.set(partitionKey({ topic, partition }), next >= 2 ** 31 ? next - 2 ** 31 : next)
  }

  /** transaction.version 2: each transaction has an epoch of its own. */
  moveOn(producerId: number, producerEpoch: number): void {
    this.#producerId = producerId
    this.#producerEpoch = producerEpoch
    this.#sequences.clear()
    this.#endedAt = performance.now()
  }
}
