import { Random } from '../../test/support/random.ts'
import type { LoadRecord } from '../load.ts'

export interface Order {
  readonly order: string
  readonly customer: string
  readonly product: string
  readonly amount: number
  readonly note: string
}

export interface Payment {
  readonly order: string
  readonly amount: number
  readonly method: string
}

export interface Customer {
  readonly name: string
  readonly product: string
  readonly city: string
}

export interface Product {
  readonly title: string
  readonly price: number
}

export const INPUT_PARTITIONS = 4

const START = Date.parse('2025-10-29T10:00:00Z')
const CUSTOMERS = 5000
const PRODUCTS = 1000
/** Shipments between the shipment of an order and its payment. */
const PAID_LATER = 1000
const NOTE = 'Please ring twice and leave it at the door behind the house'
const METHODS = ['card', 'cash', 'invoice']

/** A topic of the bench of operators. */
export type InputTopic = 'orders' | 'shipments' | 'payments' | 'customers' | 'accounts' | 'products'

type Valued = readonly [key: string, value: Order | Payment | Customer | Product]

const customer = (random: Random): string => `customer-${random.below(CUSTOMERS)}`
const product = (random: Random): string => `product-${random.below(PRODUCTS)}`

function order(i: number, random: Random): Order {
  return {
    order: `order-${i}`,
    customer: customer(random),
    product: product(random),
    amount: 1 + random.below(10_000),
    note: NOTE,
  }
}

interface Topic {
  /** Its records for each order. */
  readonly share: number
  /** Offset of its timestamps, ms: no two topics that are joined have records of one timestamp. */
  readonly at: number
  readonly record: (i: number, random: Random) => Valued
}

const TOPICS: Readonly<Record<InputTopic, Topic>> = {
  orders: {
    share: 1,
    at: 0,
    record: (i, random) => {
      const value = order(i, random)
      return [value.customer, value]
    },
  },
  shipments: { share: 0.5, at: 0, record: (i, random) => [`order-${i}`, order(i, random)] },
  payments: {
    share: 0.5,
    at: 1,
    record: (i, random) => {
      const paid = `order-${Math.max(0, i - PAID_LATER)}`
      return [paid, { order: paid, amount: 1 + random.below(10_000), method: random.pick(METHODS) }]
    },
  },
  customers: {
    share: 0.5,
    at: 1,
    record: (i, random) => [customer(random), { name: `Name ${i}`, product: product(random), city: 'New York' }],
  },
  accounts: {
    share: 0.5,
    at: 0,
    record: (i, random) => [customer(random), { order: `order-${i}`, amount: random.below(10_000), method: 'card' }],
  },
  products: {
    share: 0.05,
    at: 0,
    record: (i, random) => [product(random), { title: `Title ${i}`, price: random.below(1000) }],
  },
}

export const INPUT_TOPICS = Object.keys(TOPICS) as readonly InputTopic[]

/** @param orders number of records of the topic of orders */
export function recordsOf(topic: InputTopic, orders: number): number {
  return Math.floor(orders * TOPICS[topic].share)
}

/** Records of one topic, which span the same time for all topics: the same for every peer. */
export function* inputOf(topic: InputTopic, orders: number): Generator<LoadRecord> {
  const random = new Random(1)
  const { share, at, record } = TOPICS[topic]
  for (let i = 0; i < recordsOf(topic, orders); i++) {
    const [key, value] = record(i, random)
    yield { topic, key, value: JSON.stringify(value), timestamp: START + Math.floor(i / share) * 2 + at }
  }
}
