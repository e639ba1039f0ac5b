import { type Plan, StreamsBuilder, serdes } from '../../topology/index.ts'

/** Orders with the price of their article, from a global table. Its topics do not exist. */
export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const prices = builder.globalTable<string, string>('prices', { materialized: { name: 'price-list' } })
  builder
    .stream<string, string>('orders')
    .joinGlobal(prices, { keySelector: (_key, article) => article, joiner: (article, price) => `${article}: ${price}` })
    .to('priced-orders')
  return builder.build().build({ applicationId })
}
