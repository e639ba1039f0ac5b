import { type CaseInput, type ChaosCase, ofTopic } from '../chaos-case.ts'

interface Profile {
  readonly clicks: number
  readonly spent: number
}

/** Two streams that fill one table: the one by its key, the other by a new one. */
export const COGROUP: ChaosCase = {
  name: 'cogroup',
  inputs: ['cogroup-clicks', 'cogroup-payments'],
  outputs: ['cogroup-profiles'],
  add(builder) {
    const payments = builder
      .stream<string, { readonly user: string; readonly amount: number }>('cogroup-payments')
      .groupBy((_key, { user }) => user, { name: 'payments-by-user' })
    builder
      .stream<string, number>('cogroup-clicks')
      .groupByKey()
      .cogroup<Profile>((_user, n, { clicks, spent }) => ({ clicks: clicks + n, spent }))
      .cogroup(payments, (_user, { amount }, { clicks, spent }) => ({ clicks, spent: spent + amount }))
      .aggregate({ initializer: () => ({ clicks: 0, spent: 0 }), materialized: { name: 'profiles' } })
      .toStream()
      .to('cogroup-profiles')
  },
  record(random, timestamp) {
    const user = `user-${random.below(40)}`
    return random.chance(0.5)
      ? { topic: 'cogroup-clicks', key: user, value: 1 + random.below(5), timestamp }
      : {
          topic: 'cogroup-payments',
          key: `payment-${random.below(1e9)}`,
          value: { user, amount: random.below(100) },
          timestamp,
        }
  },
  expected: (input) => ({ tables: { 'cogroup-profiles': profiles(input) } }),
  stores: (input) => ({ profiles: profiles(input) }),
}

function profiles(input: readonly CaseInput[]): Map<string, Profile> {
  const rows = new Map<string, Profile>()
  const add = (user: string, clicks: number, spent: number) => {
    const row = rows.get(user) ?? { clicks: 0, spent: 0 }
    rows.set(user, { clicks: row.clicks + clicks, spent: row.spent + spent })
  }
  for (const { key, value } of ofTopic<number>(input, 'cogroup-clicks')) add(key, value, 0)
  for (const { value } of ofTopic<{ user: string; amount: number }>(input, 'cogroup-payments')) {
    add(value.user, 0, value.amount)
  }
  return rows
}
