import { serdes } from 'ride-streams'
import { added, type CaseInput, type ChaosCase, ofTopic } from '../chaos-case.ts'

const byLastDigit = (_topic: string, key: string, _value: unknown, partitions: number): number =>
  Number(key.at(-1)) % partitions

/** Branches that come together again, through a repartition topic of another number of partitions and with a partitioner. */
export const ROUTES: ChaosCase = {
  name: 'routes',
  inputs: ['routes-a', 'routes-b'],
  outputs: ['routes-all', 'routes-counts'],
  rising: ['routes-counts'],
  add(builder) {
    const branches = builder
      .stream<string, number>('routes-a')
      .split({ name: 'routes-' })
      .branch((_key, n) => n % 2 === 0, { name: 'even', chain: (even) => even.mapValues((n) => n / 2) })
      .branch((_key, n) => n % 3 === 0, { name: 'three', chain: (three) => three.mapValues((n) => -n) })
      .noDefaultBranch()
    const [even, three] = [branches.get('routes-even'), branches.get('routes-three')]
    if (even === undefined || three === undefined) throw new Error('a branch has no stream')
    const placed = even
      .merge(three)
      .merge(builder.stream<string, number>('routes-b'))
      .map((key, n) => [key.slice('key-'.length), n])
      .repartition({ name: 'placed', partitions: 3, partitioner: byLastDigit })
    placed.to('routes-all', { partitioner: byLastDigit })
    placed
      .groupByKey()
      .count({ materialized: { name: 'placed-counts' } })
      .toStream()
      .to('routes-counts', { valueSerde: serdes.json() })
  },
  record: (random, timestamp) => ({
    topic: random.chance(0.7) ? 'routes-a' : 'routes-b',
    key: `key-${random.below(60)}`,
    value: random.below(1e9),
    timestamp: timestamp - random.below(2000),
  }),
  expected: (input) => ({
    events: { 'routes-all': routed(input).map(([key, n]) => `${key} ${n}`) },
    tables: { 'routes-counts': counts(input) },
  }),
  stores: (input) => ({ 'placed-counts': counts(input) }),
}

function routed(input: readonly CaseInput[]): (readonly [string, number])[] {
  const to = (key: string, n: number) => [key.slice('key-'.length), n] as const
  return [
    ...ofTopic<number>(input, 'routes-a').flatMap(({ key, value: n }) =>
      n % 2 === 0 ? [to(key, n / 2)] : n % 3 === 0 ? [to(key, -n)] : [],
    ),
    ...ofTopic<number>(input, 'routes-b').map(({ key, value }) => to(key, value)),
  ]
}

function counts(input: readonly CaseInput[]): Map<string, number> {
  const rows = new Map<string, number>()
  for (const [key] of routed(input)) added(rows, key, 1)
  return rows
}
