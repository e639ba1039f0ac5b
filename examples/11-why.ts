/*
 * Balances of accounts, with a bug: what is refunded is added. `ride-streams why account-balances:0:2 --module examples/11-why.ts` shows
 * how a balance came about, and 11-why-fixed.ts what the right code makes of the same payments.
 */
import { KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

export interface Payment {
  readonly account: string
  readonly kind: 'paid' | 'refunded'
  readonly amount: number
}

export function balancesTopology(signed: (payment: Payment) => number) {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .stream<string, Payment>('payments', { valueSerde: serdes.json<Payment>() })
    .groupBy((_paymentId, { account }) => account, { name: 'by-account', valueSerde: serdes.json<Payment>() })
    .aggregate<number>({
      initializer: () => 0,
      aggregator: (_account, payment, balance) => balance + signed(payment),
      materialized: { name: 'balances', valueSerde: serdes.float64 },
    })
    .toStream({ name: 'changes' })
    .to('account-balances', { valueSerde: serdes.json<number | null>() })
  return builder.build()
}

export const topology = balancesTopology(({ amount }) => {
  if (typeof amount !== 'number') throw new TypeError(`${amount} is no amount`)
  return amount
})

if (import.meta.main) {
  await new KafkaStreams(topology, {
    applicationId: 'balances',
    brokers: 'localhost:9092',
    processingExceptionHandler: 'dead-letter',
  }).start()
}
