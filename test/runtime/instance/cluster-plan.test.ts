import { describe, expect, it } from 'vitest'
import { layOverCluster, MissingTopicError } from '../../../runtime/instance/cluster-plan.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { StreamsTopologyError } from '../../../state/ports/errors.ts'
import type { Plan } from '../../../topology/plan.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'
import { ManualTime } from '../../support/manual-time.ts'

const serdes = { keySerde: stringSerde, valueSerde: stringSerde }

function cluster(topics: Record<string, number>) {
  const made = new MemoryCluster(IDEAL_NETWORK)
  for (const [name, partitions] of Object.entries(topics)) made.createTopic({ name, partitions, config: {} })
  const admin = new MemoryAdmin({ cluster: made, network: IDEAL_NETWORK, clock: new ManualTime(), client: 'test' })
  return { made, admin }
}

function plan(build: (builder: StreamsBuilder) => void): Plan {
  const builder = new StreamsBuilder()
  build(builder)
  return builder.build().build({ applicationId: 'app' })
}

const joined = (): Plan =>
  plan((builder) => {
    const rows = builder.table('rows', { ...serdes, materialized: { name: 'rows-store' } })
    builder
      .stream('clicks', serdes)
      .joinTable(rows, { joiner: (a, b) => a + b })
      .to('out', serdes)
  })

/** Two re-keyings in a row, each in front of a count. */
const chained = (): Plan =>
  plan((builder) => {
    builder
      .stream('in', serdes)
      .groupBy((_key, value) => value, { name: 'first', ...serdes })
      .count({ materialized: { name: 'first-store' } })
      .toStream()
      .map((key, count) => [String(count), key] as const)
      .groupByKey({ name: 'second', ...serdes })
      .count({ materialized: { name: 'second-store' } })
  })

describe('co-partitioned topics of different sizes', () => {
  it('are refused with both names and counts, before anything is created', async () => {
    const { made, admin } = cluster({ rows: 3, clicks: 6, out: 1 })
    await expect(layOverCluster(joined(), admin)).rejects.toThrow(
      new StreamsTopologyError(
        'topics clicks (6 partitions) and rows (3 partitions) must have the same number of partitions',
      ),
    )
    expect(made.topicNames).toEqual(['rows', 'clicks', 'out'])
  })
})

describe('missing topics', () => {
  it('are all named at once, and nothing is created', async () => {
    const { made, admin } = cluster({ out: 1 })
    const refused = layOverCluster(joined(), admin, ['app.dlq'])
    await expect(refused).rejects.toBeInstanceOf(MissingTopicError)
    await expect(refused).rejects.toThrow('topics app.dlq, clicks, rows do not exist')
    expect(made.topicNames).toEqual(['out'])
  })
})

describe('internal topics', () => {
  it('follow their sources through a chain of repartitions', async () => {
    const { made, admin } = cluster({ in: 5 })
    const { tasks, partitions } = await layOverCluster(chained(), admin)
    expect(Object.fromEntries(partitions)).toEqual({
      in: 5,
      'app-first-repartition': 5,
      'app-first-store-changelog': 5,
      'app-second-repartition': 5,
      'app-second-store-changelog': 5,
    })
    expect(tasks).toHaveLength(15)
    expect(made.topicConfig('app-first-store-changelog')['cleanup.policy']).toBe('compact')
    expect(made.topicConfig('app-first-repartition')).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
    })
  })

  it('take the size of the fixed topic they are joined with', async () => {
    const rekeyed = plan((builder) => {
      const rows = builder.table('rows', { ...serdes, materialized: { name: 'rows-store' } })
      builder
        .stream('clicks', serdes)
        .selectKey((_key, value) => value)
        .joinTable(rows, { name: 'rekeyed', ...serdes, joiner: (a, b) => a + b })
        .to('out', serdes)
    })
    const { made, admin } = cluster({ rows: 4, clicks: 6, out: 1 })
    await layOverCluster(rekeyed, admin)
    const repartition = made.topicNames.find((name) => name.endsWith('-repartition')) ?? ''
    expect(made.partitions(repartition)).toBe(4)
    expect(made.partitions('app-rows-store-changelog')).toBe(4)
  })

  it('joined with each other take the size of the larger input, whichever comes first', async () => {
    for (const [left, right] of [
      [2, 7],
      [7, 2],
    ] as const) {
      const both = plan((builder) => {
        const counts = builder
          .stream('b', serdes)
          .groupBy((_key, value) => value, { name: 'right', ...serdes })
          .count({ materialized: { name: 'counts' } })
        builder
          .stream('a', serdes)
          .selectKey((_key, value) => value)
          .joinTable(counts, { name: 'left', ...serdes, joiner: (a, b) => a + String(b) })
          .to('out', serdes)
      })
      const { made, admin } = cluster({ a: left, b: right, out: 1 })
      await layOverCluster(both, admin)
      const sizes = made.topicNames.filter((name) => name.endsWith('-repartition')).map((name) => made.partitions(name))
      expect(sizes).toEqual([7, 7])
    }
  })

  it('that exist with another size are refused by name, and the others are not created', async () => {
    const { made, admin } = cluster({ in: 5, 'app-first-store-changelog': 3 })
    await expect(layOverCluster(chained(), admin)).rejects.toThrow(
      /^internal topic app-first-store-changelog has 3 partitions and needs 5/,
    )
    expect(made.topicNames).toEqual(['in', 'app-first-store-changelog'])
  })

  it('that exist with the right size are kept', async () => {
    const { admin } = cluster({ in: 5 })
    const first = await layOverCluster(chained(), admin)
    expect(await layOverCluster(chained(), admin)).toEqual(first)
  })
})
