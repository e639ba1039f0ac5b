/*
 * Asks a service about each order. A topology never waits: its functions are synchronous, so that one slow answer cannot
 * hold up a partition, and a transaction never depends on a service. So the request leaves as a record, a worker asks the
 * service, and the answer comes back as a record:
 *
 *   orders -> risk-requests -> [worker: any Kafka client, any concurrency] -> risk-answers -> joined with the order
 *
 * The topology stays exactly-once. The worker may ask twice after a crash: the table keeps one answer per order, so the
 * result is the same. An order with no answer waits in the table of open orders, where a query finds it; write its request
 * again to ask again.
 */
import { KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

export interface Order {
  readonly email: string
  readonly total: number
}
export interface RiskAnswer {
  readonly score: number
}
export interface CheckedOrder extends Order {
  readonly score: number
}

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
const orders = builder.table<string, Order>('orders', {
  valueSerde: serdes.json<Order>(),
  materialized: { name: 'open-orders' },
})
orders
  .toStream()
  .filter((_orderId, order) => order !== null)
  .to('risk-requests', { valueSerde: serdes.json<Order>() })
orders
  .join(builder.table<string, RiskAnswer>('risk-answers', { valueSerde: serdes.json<RiskAnswer>() }), {
    joiner: (order, { score }): CheckedOrder => ({ ...order, score }),
  })
  .toStream()
  .to('checked-orders', { valueSerde: serdes.json<CheckedOrder | null>() })

export const topology = builder.build()

/** The worker's part: the answer to one record of risk-requests, to be written to risk-answers under the same key. */
export async function answer(
  { email, total }: Order,
  ask: (email: string) => Promise<{ readonly isKnown: boolean }>,
): Promise<RiskAnswer> {
  const { isKnown } = await ask(email)
  return { score: (isKnown ? 0 : 50) + (total > 1000 ? 40 : 0) }
}

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'risk', brokers: 'localhost:9092' }).start()
}
