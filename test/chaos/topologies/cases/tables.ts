import { type CaseInput, type ChaosCase, latest, numbered, ofTopic, START } from '../chaos-case.ts'

interface Order {
  readonly n: number
}
interface Named {
  readonly name: string
}
interface Item {
  readonly owner: string
  readonly n: number
}

interface Sum {
  readonly items: number
  readonly n: number
}

const CUSTOMERS = numbered('customer', 60)

/** A stream with a table that is there before, a table with a table, a join by foreign key, and a table grouped by another key. */
export const TABLES: ChaosCase = {
  name: 'tables',
  inputs: ['tables-customers', 'tables-orders', 'tables-left', 'tables-right', 'tables-items', 'tables-owners'],
  outputs: ['tables-named-orders', 'tables-both', 'tables-owned', 'tables-owner-sums'],
  add(builder) {
    const customers = builder.table<string, Named>('tables-customers')
    builder
      .stream<string, Order>('tables-orders')
      .joinTable(customers, { joiner: ({ n }, { name }) => ({ n, name }) })
      .to('tables-named-orders')

    const left = builder.table<string, number>('tables-left')
    const right = builder.table<string, number>('tables-right')
    left
      .outerJoin(right, { joiner: (l, r) => ({ l, r }), materialized: { name: 'both' } })
      .toStream()
      .to('tables-both')

    const items = builder.table<string, Item>('tables-items')
    items
      .leftJoinOnForeignKey(builder.table<string, Named>('tables-owners'), {
        foreignKeyExtractor: ({ owner }) => owner,
        joiner: ({ n }, owner) => ({ n, owner: owner?.name ?? null }),
        materialized: { name: 'owned' },
      })
      .toStream()
      .to('tables-owned')
    items
      .groupBy((_key, { owner, n }) => [owner, n], { name: 'by-owner' })
      .aggregate({
        initializer: (): Sum => ({ items: 0, n: 0 }),
        adder: (_owner, n, sum) => ({ items: sum.items + 1, n: sum.n + n }),
        // An item that comes and goes between two commits is seen by nobody: nothing of it may remain otherwise, either.
        subtractor: (_owner, n, sum) => (sum.items === 1 ? null : { items: sum.items - 1, n: sum.n - n }),
        materialized: { name: 'owner-sums' },
      })
      .toStream()
      .to('tables-owner-sums')
  },
  before: () =>
    CUSTOMERS.map((key) => ({ topic: 'tables-customers', key, value: { name: `${key}!` }, timestamp: START })),
  record(random, timestamp) {
    const row = (topic: string, keys: string, count: number, value: () => unknown) => {
      const key = `${keys}-${random.below(count)}`
      return { topic, key, value: random.chance(0.2) ? null : value(), timestamp }
    }
    switch (random.below(5)) {
      case 0:
        return { topic: 'tables-orders', key: random.pick(CUSTOMERS), value: { n: random.below(1e9) }, timestamp }
      case 1:
        return row('tables-left', 'row', 80, () => random.below(1000))
      case 2:
        return row('tables-right', 'row', 80, () => random.below(1000))
      case 3:
        return row('tables-items', 'item', 200, () => ({ owner: `owner-${random.below(20)}`, n: random.below(1000) }))
      default:
        return row('tables-owners', 'owner', 20, () => ({ name: `name ${random.below(1000)}` }))
    }
  },
  expected(input) {
    const named = ofTopic<Order>(input, 'tables-orders').map(
      ({ key, value: { n } }) => `${key} {"n":${n},"name":"${key}!"}`,
    )
    const rows = tables(input)
    return {
      events: { 'tables-named-orders': named },
      tables: { 'tables-both': rows.both, 'tables-owned': rows.owned, 'tables-owner-sums': rows['owner-sums'] },
    }
  },
  stores: tables,
}

function tables(input: readonly CaseInput[]) {
  const left = latest<number>(input, 'tables-left')
  const right = latest<number>(input, 'tables-right')
  const items = latest<Item>(input, 'tables-items')
  const owners = latest<Named>(input, 'tables-owners')
  const sums = new Map<string, Sum>()
  for (const { owner, n } of items.values()) {
    const sum = sums.get(owner) ?? { items: 0, n: 0 }
    sums.set(owner, { items: sum.items + 1, n: sum.n + n })
  }
  const keys = new Set([...left.keys(), ...right.keys()])
  return {
    both: new Map([...keys].map((key) => [key, { l: left.get(key) ?? null, r: right.get(key) ?? null }])),
    owned: new Map([...items].map(([key, { n, owner }]) => [key, { n, owner: owners.get(owner)?.name ?? null }])),
    'owner-sums': sums,
  }
}
