/*
 * A topology with a bug that no TopologyTestDriver test can see, and the same topology without it. simulate() runs them on an in-memory
 * cluster under crashes, zombies, lost messages, rebalances and aborted transactions, once for each seed.
 */
import {
  type KeyValueStore,
  keyValueStore,
  type StreamRecord,
  StreamsBuilder,
  serdes,
  type Topology,
} from 'ride-streams'
import { SimulationError, simulate } from 'ride-streams/testing'
import { expect, it } from 'vitest'

interface Totals {
  get(account: string): number | null | undefined
  set(account: string, total: number): void
}

/** Adds up the payments of each account. `keptIn` says where the totals are kept. */
function totals(keptIn: 'closure' | 'store'): Topology {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.float64 })
  const store = keyValueStore({ name: 'totals', keySerde: serdes.string, valueSerde: serdes.float64 })
  builder
    .stream<string, number>('payments')
    .process<string, number>(
      () => {
        // The bug: a crash loses this map, and a transaction that is aborted does not take its sums back.
        let kept: Totals = new Map<string, number>()
        let forward: (record: StreamRecord<string, number>) => void
        return {
          init(context) {
            forward = (record) => context.forward(record)
            if (keptIn === 'closure') return
            const rows: KeyValueStore<string, number> = context.store('totals')
            kept = { get: (account) => rows.get(account), set: (account, total) => rows.put(account, total) }
          },
          process(payment) {
            const total = (kept.get(payment.key) ?? 0) + payment.value
            kept.set(payment.key, total)
            forward({ ...payment, value: total })
          },
        }
      },
      { name: 'add', stores: [store] },
    )
    .to('totals')
  return builder.build()
}

const input = Array.from({ length: 40 }, (_, i) => ({ topic: 'payments', key: `account-${i % 5}`, value: i }))

it('finds the totals in a closure within 200 seeds, and tells how to run that seed again', async () => {
  const found = await simulate(totals('closure'), { input, seeds: 200 }).catch((error: unknown) => error)
  expect(found).toBeInstanceOf(SimulationError)
  const { message, seed } = found as SimulationError
  expect(message).toContain('topic totals, key')
  expect(message).toContain(`SIMULATE_SEED=${seed} npx vitest run examples/09-simulation.test.ts`)
}, 300_000)

it('finds nothing in 200 seeds when the totals are in a store', async () => {
  const { crashes } = await simulate(totals('store'), { input, seeds: 200 })
  expect(crashes).toBeGreaterThan(100)
}, 300_000)
