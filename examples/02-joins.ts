/*
 * The three joins that most topologies are made of:
 *   an order with the customer of that moment          (stream with table, by the key of both)
 *   that with the product it names                     (stream with global table, by any key: each instance has all products)
 *   an order with its payment, if one comes in an hour (stream with stream, within a window)
 * Topics that are joined by key need the same number of partitions. A start checks that.
 */
import { joinWindows, KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

export interface Order {
  readonly orderId: string
  readonly productId: string
}
export interface Named {
  readonly name: string
}
export interface Payment {
  readonly orderId: string
  readonly amount: number
}

const HOUR_MS = 3_600_000
const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
const json = <T>() => ({ valueSerde: serdes.json<T>() })

// Keyed by customer.
const orders = builder.stream<string, Order>('orders', json<Order>())
const customers = builder.table<string, Named>('customers', json<Named>())
const products = builder.globalTable<string, Named>('products', json<Named>())

orders
  .joinTable(customers, {
    joiner: ({ orderId, productId }, { name: customer }) => ({ orderId, productId, customer }),
    valueSerde: serdes.json<Order>(),
  })
  .joinGlobal(products, {
    keySelector: (_customerId, { productId }) => productId,
    joiner: ({ orderId, customer }, { name: product }) => ({ orderId, customer, product }),
  })
  .to('named-orders', json())

// Payments have the order's id as their key, so orders get it too, through a repartition topic.
orders
  .selectKey((_customerId, { orderId }) => orderId)
  .leftJoin(builder.stream<string, Payment>('payments', json<Payment>()), {
    windows: joinWindows({ beforeMs: 0, afterMs: HOUR_MS, graceMs: 0 }),
    joiner: (_order, payment) => (payment === null ? { paid: false } : { paid: true, amount: payment.amount }),
    valueSerde: serdes.json<Order>(),
    otherValueSerde: serdes.json<Payment>(),
    storeName: 'payments-of-orders',
  })
  .to('settlements', json())

export const topology = builder.build()

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'joins', brokers: 'localhost:9092' }).start()
}
