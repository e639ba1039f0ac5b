import {
  joinWindows,
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  type Serde,
  type StreamRecord,
  StreamsBuilder,
  serdes,
  sessionWindowedSerde,
  sessionWindows,
  slidingWindows,
  type Topology,
  timeWindowedSerde,
  timeWindows,
} from 'ride-streams'
import type { Customer, InputTopic, Order, Payment, Product } from './input.ts'

/** One topology, written here and for Kafka Streams (bench/peers/kafka-streams, peer.Operators) in the same words. */
export interface Operator {
  readonly inputs: readonly InputTopic[]
  /** Only the last value of each key of a table has to be equal: caches leave out others. */
  readonly output: 'stream' | 'table'
  add(builder: StreamsBuilder, out: string): void
}

const SECOND_MS = 1000
const WINDOW_MS = 20 * SECOND_MS
const GRACE_MS = 2 * SECOND_MS
const string = serdes.string
const count = serdes.int64
const orderSerde = serdes.json<Order>()
const paymentSerde = serdes.json<Payment>()
const customerSerde = serdes.json<Customer>()
const productSerde = serdes.json<Product>()

interface Total {
  readonly orders: number
  readonly amount: number
  readonly largest: number
}
const totalSerde = serdes.json<Total>()
const NONE: Total = { orders: 0, amount: 0, largest: 0 }
const addOrder = (_key: string, { amount }: Order, total: Total): Total => ({
  orders: total.orders + 1,
  amount: total.amount + amount,
  largest: Math.max(total.largest, amount),
})

const orders = (builder: StreamsBuilder) =>
  builder.stream<string, Order>('orders', { keySerde: string, valueSerde: orderSerde })
const customers = (builder: StreamsBuilder) =>
  builder.table<string, Customer>('customers', { keySerde: string, valueSerde: customerSerde })
const to = <V>(valueSerde: Serde<V>) => ({ keySerde: string, valueSerde })
const grouped = { keySerde: string, valueSerde: orderSerde }
const windowed = { keySerde: timeWindowedSerde(string, WINDOW_MS), valueSerde: count }

/** Lets the first order of each product and customer pass. */
class FirstOnly implements Processor<string, Order, string, Order> {
  #context!: ProcessorContext<string, Order>
  #seen!: KeyValueStore<string, string>

  init(context: ProcessorContext<string, Order>): void {
    this.#context = context
    this.#seen = context.store('seen')
  }

  process(record: StreamRecord<string, Order>): void {
    const { customer, product, order } = record.value
    const key = `${customer}/${product}`
    if (this.#seen.get(key) !== null) return
    this.#seen.put(key, order)
    this.#context.forward(record)
  }
}

export const OPERATORS: Readonly<Record<string, Operator>> = {
  'filter and map': {
    inputs: ['orders'],
    output: 'stream',
    add: (builder, out) =>
      orders(builder)
        .filter((_key, { amount }) => amount > 5000)
        .mapValues(({ order, amount }) => ({ order, amount, tax: Math.floor(amount / 5) }))
        .to(out, to(serdes.json())),
  },
  count: {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) => orders(builder).groupByKey(grouped).count().toStream().to(out, to(count)),
  },
  'aggregate by another key': {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) =>
      orders(builder)
        .groupBy((_key, { product }) => product, grouped)
        .aggregate({ initializer: () => NONE, aggregator: addOrder, materialized: { valueSerde: totalSerde } })
        .toStream()
        .to(out, to(totalSerde)),
  },
  'tumbling windows': {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) =>
      orders(builder)
        .groupByKey(grouped)
        .windowedBy(timeWindows({ sizeMs: WINDOW_MS, graceMs: GRACE_MS }))
        .count()
        .toStream()
        .to(out, windowed),
  },
  'hopping windows': {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) =>
      orders(builder)
        .groupByKey(grouped)
        .windowedBy(timeWindows({ sizeMs: WINDOW_MS, advanceMs: WINDOW_MS / 4, graceMs: GRACE_MS }))
        .count()
        .toStream()
        .to(out, windowed),
  },
  'sliding windows': {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) =>
      orders(builder)
        .groupByKey(grouped)
        .windowedBy(slidingWindows({ timeDifferenceMs: WINDOW_MS, graceMs: GRACE_MS }))
        .count()
        .toStream()
        .to(out, windowed),
  },
  sessions: {
    inputs: ['orders'],
    output: 'table',
    add: (builder, out) =>
      orders(builder)
        .groupByKey(grouped)
        .windowedBySession(sessionWindows({ inactivityGapMs: 5 * SECOND_MS, graceMs: GRACE_MS }))
        .count()
        .toStream()
        .to(out, { keySerde: sessionWindowedSerde(string), valueSerde: count }),
  },
  'final windows': {
    inputs: ['orders'],
    output: 'stream',
    add: (builder, out) =>
      orders(builder)
        .groupByKey(grouped)
        .windowedBy(timeWindows({ sizeMs: WINDOW_MS, graceMs: GRACE_MS }))
        .count()
        .suppress({ until: 'window-closes' })
        .toStream()
        .to(out, windowed),
  },
  'stream with table': {
    inputs: ['orders', 'customers'],
    output: 'stream',
    add: (builder, out) =>
      orders(builder)
        .joinTable(customers(builder), {
          joiner: ({ order, amount }, { city }) => ({ order, amount, city }),
          valueSerde: orderSerde,
        })
        .to(out, to(serdes.json())),
  },
  'stream with stream': {
    inputs: ['shipments', 'payments'],
    output: 'stream',
    add: (builder, out) =>
      builder
        .stream<string, Order>('shipments', to(orderSerde))
        .join(builder.stream<string, Payment>('payments', to(paymentSerde)), {
          windows: joinWindows({ timeDifferenceMs: 5 * SECOND_MS, graceMs: GRACE_MS }),
          joiner: ({ order, amount }, { amount: paid }) => ({ order, open: amount - paid }),
          keySerde: string,
          valueSerde: orderSerde,
          otherValueSerde: paymentSerde,
        })
        .to(out, to(serdes.json())),
  },
  'table with table': {
    inputs: ['customers', 'accounts'],
    output: 'table',
    add: (builder, out) =>
      customers(builder)
        .join(builder.table<string, Payment>('accounts', to(paymentSerde)), {
          joiner: ({ name }, { amount }) => ({ name, amount }),
        })
        .toStream()
        .to(out, to(serdes.json())),
  },
  'foreign key': {
    inputs: ['customers', 'products'],
    output: 'table',
    add: (builder, out) =>
      customers(builder)
        .joinOnForeignKey(builder.table<string, Product>('products', to(productSerde)), {
          foreignKeyExtractor: ({ product }) => product,
          joiner: ({ name }, { title, price }) => ({ name, title, price }),
          materialized: { valueSerde: serdes.json<Product & Pick<Customer, 'name'>>() },
        })
        .toStream()
        .to(out, to(serdes.json())),
  },
  'table regrouped': {
    inputs: ['customers'],
    output: 'table',
    add: (builder, out) =>
      customers(builder)
        .groupBy((_key, { product, name }) => [product, name.length] as const, {
          keySerde: string,
          valueSerde: serdes.int32,
        })
        .count()
        .toStream()
        .to(out, to(count)),
  },
  'processor with store': {
    inputs: ['orders'],
    output: 'stream',
    add: (builder, out) =>
      orders(builder)
        .process(() => new FirstOnly(), {
          stores: [keyValueStore({ name: 'seen', keySerde: string, valueSerde: string })],
        })
        .to(out, to(orderSerde)),
  },
}

/** @throws RangeError for a name that no operator has */
export function operatorNamed(name: string): Operator {
  const operator = OPERATORS[name]
  if (operator === undefined) throw new RangeError(`no operator is named ${name}: ${Object.keys(OPERATORS).join(', ')}`)
  return operator
}

/** @param out topic of the output */
export function topologyOf(operator: Operator, out: string): Topology {
  const builder = new StreamsBuilder({ topologyOptimization: 'all' })
  operator.add(builder, out)
  return builder.build()
}
