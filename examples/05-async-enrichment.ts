/*
 * Asks a service about each order, and goes on with the answer. An order that is not answered waits in a store with a
 * changelog: after a crash exactly the unanswered ones are asked about again, on whichever instance has them then. The
 * outputs of an answer and the end of its wait are one transaction: at least one call, exactly one effect. Answers are
 * recorded, so `replay` and `why` ask nobody. docs/asynchronous-calls.md runs it step by step.
 */
import { type AsyncCall, KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

export interface Order {
  readonly email: string
  readonly total: number
}
export interface CheckedOrder extends Order {
  readonly score: number
}
/** The orders are kept as long. */
const WEEK_MS = 7 * 24 * 3_600_000

/** The service. A test hands in one of its own. */
export type Ask = (email: string, call: AsyncCall) => Promise<{ readonly isKnown: boolean }>

export function riskTopology(ask: Ask) {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .stream<string, Order>('orders', { valueSerde: serdes.json<Order>() })
    .mapAsync(
      async (order, _orderId, call): Promise<CheckedOrder> => {
        const { isKnown } = await ask(order.email, call)
        return { ...order, score: (isKnown ? 0 : 50) + (order.total > 1000 ? 40 : 0) }
      },
      {
        ...{ name: 'risk', concurrency: 32, timeoutMs: 5000, retry: { attempts: 5, backoffMs: 200 } },
        answers: { serde: serdes.json<CheckedOrder>(), retentionMs: WEEK_MS },
      },
    )
    .to('checked-orders', { valueSerde: serdes.json<CheckedOrder>() })
  return builder.build()
}

/** The signal ends the request when it takes too long, or when this instance loses the order to another one. */
async function askByHttp(email: string, { signal, idempotencyKey }: AsyncCall): Promise<{ readonly isKnown: boolean }> {
  const answer = await fetch(`http://localhost:8000/customers/${encodeURIComponent(email)}`, {
    signal,
    headers: { 'idempotency-key': idempotencyKey ?? '' },
  })
  return { isKnown: answer.ok }
}

export const topology = riskTopology(askByHttp)

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'risk', brokers: 'localhost:9092' }).start()
}
