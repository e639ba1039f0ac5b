import { type ChaosCase, numbered, ofTopic, START } from '../chaos-case.ts'

interface Sale {
  readonly product: string
  readonly n: number
}

const PRODUCTS = numbered('product', 50)

/** A stream with a global table, by a key out of the value. */
export const GLOBAL: ChaosCase = {
  name: 'global',
  inputs: ['global-sales'],
  globals: ['global-products'],
  outputs: ['global-named'],
  add(builder) {
    const products = builder.globalTable<string, string>('global-products')
    builder
      .stream<string, Sale>('global-sales')
      .leftJoinGlobal(products, {
        keySelector: (_key, { product }) => product,
        joiner: ({ n }, name) => ({ n, name }),
      })
      .to('global-named')
  },
  before: () => PRODUCTS.map((key) => ({ topic: 'global-products', key, value: `${key}!`, timestamp: START })),
  record: (random, timestamp) => ({
    topic: 'global-sales',
    key: `shop-${random.below(30)}`,
    value: { product: random.chance(0.1) ? 'unknown' : random.pick(PRODUCTS), n: random.below(1e9) },
    timestamp,
  }),
  expected: (input) => ({
    events: {
      'global-named': ofTopic<Sale>(input, 'global-sales').map(({ key, value: { n, product } }) => {
        const name = product === 'unknown' ? 'null' : `"${product}!"`
        return `${key} {"n":${n},"name":${name}}`
      }),
    },
  }),
}
