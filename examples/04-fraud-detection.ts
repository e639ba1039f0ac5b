/*
 * Finds cards with more than three payments within a minute. What the DSL has no word for is a Processor: it keeps the
 * latest payments of each card in a store, and a punctuator forgets cards that have been quiet. Both act on the time of
 * the records, so the same payments give the same alerts, however fast they are read.
 */
import {
  KafkaStreams,
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type StreamRecord,
  StreamsBuilder,
  serdes,
} from 'ride-streams'

export interface Payment {
  readonly amount: number
}
export interface Alert {
  readonly payments: number
  readonly total: number
}
interface Recent {
  readonly at: number
  readonly amount: number
}

const MINUTE_MS = 60_000
const MOST_PER_MINUTE = 3

class FraudDetector implements Processor<string, Payment, string, Alert> {
  #context!: ProcessorContext<string, Alert>
  #recent!: KeyValueStore<string, readonly Recent[]>

  init(context: ProcessorContext<string, Alert>): void {
    this.#context = context
    this.#recent = context.store('recent-payments')
    context.schedule(MINUTE_MS, 'stream-time', (now) => this.#forgetQuiet(now))
  }

  process({ key: card, value: { amount }, timestamp }: StreamRecord<string, Payment>): void {
    const before = (this.#recent.get(card) ?? []).filter(({ at }) => at > timestamp - MINUTE_MS)
    const payments = [...before, { at: timestamp, amount }]
    this.#recent.put(card, payments)
    if (payments.length <= MOST_PER_MINUTE) return
    const total = payments.reduce((sum, payment) => sum + payment.amount, 0)
    this.#context.forward(record(card, { payments: payments.length, total }, timestamp))
  }

  #forgetQuiet(now: number): void {
    for (const [card, payments] of [...this.#recent.all()]) {
      if (payments.every(({ at }) => at <= now - MINUTE_MS)) this.#recent.delete(card)
    }
  }
}

const recentPayments = keyValueStore({
  name: 'recent-payments',
  keySerde: serdes.string,
  valueSerde: serdes.json<readonly Recent[]>(),
})
const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
builder
  .stream<string, Payment>('card-payments', { valueSerde: serdes.json<Payment>() })
  .process(() => new FraudDetector(), { stores: [recentPayments] })
  .to('fraud-alerts', { valueSerde: serdes.json<Alert>() })

export const topology = builder.build()

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'fraud-detection', brokers: 'localhost:9092' }).start()
}
