import { describe, expect, it } from 'vitest'
import { layOverCluster } from '../../runtime/instance/cluster-plan.ts'
import { topologyFingerprint } from '../../runtime/instance/topology-fingerprint.ts'
import { MemoryCluster } from '../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { StreamsBuilder, serdes } from '../../topology/index.ts'
import type { Plan } from '../../topology/plan.ts'
import { ManualTime } from '../support/manual-time.ts'

const text = { defaultKeySerde: serdes.string, defaultValueSerde: serdes.string }

function counting(): Plan {
  const builder = new StreamsBuilder(text)
  builder
    .stream<string, string>(/orders-(eu|us|eu-old)/)
    .groupByKey()
    .count({ materialized: { name: 'orders' } })
    .toStream()
    .to('orders-counted', { valueSerde: serdes.int64 })
  return builder.build().build({ applicationId: 'app' })
}

function joining(): Plan {
  const builder = new StreamsBuilder(text)
  const customers = builder.table<string, string>('customers')
  builder
    .stream<string, string>(/orders-.*/)
    .joinTable(customers, { joiner: (order, customer) => `${order} of ${customer}` })
    .to('joined')
  return builder.build().build({ applicationId: 'app' })
}

function newAdmin(): MemoryAdmin {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  return new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock: new ManualTime(), client: 'test' })
}

const sourceTopics = (plan: Plan | undefined) => plan?.subtopologies.map((subtopology) => subtopology.sourceTopics)

describe('a subscription by pattern', () => {
  it('reads the topics that the pattern matches as a whole, and none that the application writes for itself', () => {
    const existing = ['orders-us', 'orders-eu', 'orders-eu-old', 'orders-eu-older', 'my-orders-us']
    expect(sourceTopics(counting().withTopics?.(existing))).toEqual([['orders-eu', 'orders-eu-old', 'orders-us']])
    const builder = new StreamsBuilder(text)
    builder
      .stream<string, string>(/app.*/)
      .groupByKey()
      .count({ materialized: { name: 'all' } })
    const all = builder.build().build({ applicationId: 'app' })
    expect(sourceTopics(all.withTopics?.(['app-all-changelog', 'app.dlq', 'app-words']))).toEqual([['app-words']])
  })

  it('has one fingerprint whatever matches, and another one than that of another pattern', () => {
    const plan = counting()
    expect(topologyFingerprint(plan.withTopics?.(['orders-eu']) ?? plan)).toBe(topologyFingerprint(plan))
    expect(topologyFingerprint(joining())).not.toBe(topologyFingerprint(plan))
  })

  it('makes as many tasks as the largest topic has partitions, and groups partitions by number', async () => {
    const admin = newAdmin()
    await admin.createTopics([
      { name: 'orders-eu', partitions: 2, config: {} },
      { name: 'orders-us', partitions: 1, config: {} },
      { name: 'orders-counted', partitions: 1, config: {} },
    ])
    const builder = new StreamsBuilder(text)
    builder.stream<string, string>(/orders-(eu|us)/).to('orders-counted')
    const unmatched = builder.build().build({ applicationId: 'app' })
    const plan = unmatched.withTopics?.(['orders-eu', 'orders-us', 'orders-counted']) as Plan
    const { tasks } = await layOverCluster(plan, admin)
    expect(tasks.map(({ taskId, partitions }) => [taskId, partitions.map(({ topic }) => topic)])).toEqual([
      ['0_0', ['orders-eu', 'orders-us']],
      ['0_1', ['orders-eu']],
    ])
  })

  it('says what to do when a topic comes that its repartition topic is too small for', async () => {
    const admin = newAdmin()
    const builder = new StreamsBuilder(text)
    builder
      .stream<string, string>(/orders-(eu|us)/)
      .groupBy((_key, value) => value, { name: 'by-value' })
      .count({ materialized: { name: 'counts' } })
    const unmatched = builder.build().build({ applicationId: 'app' })
    await admin.createTopics([{ name: 'orders-eu', partitions: 1, config: {} }])
    await layOverCluster(unmatched.withTopics?.(['orders-eu']) as Plan, admin)
    await admin.createTopics([{ name: 'orders-us', partitions: 3, config: {} }])
    await expect(layOverCluster(unmatched.withTopics?.(['orders-eu', 'orders-us']) as Plan, admin)).rejects.toThrow(
      'internal topic app-by-value-repartition has 1 partition and needs 3: ' +
        'a topic that matches /orders-(eu|us)/ has more partitions than those before; create it anew with fewer partitions, ' +
        'or reset the application (ride-streams reset)',
    )
  })

  it('is checked for co-partitioning with what it is joined with', async () => {
    const admin = newAdmin()
    await admin.createTopics([
      { name: 'orders-eu', partitions: 2, config: {} },
      { name: 'orders-us', partitions: 3, config: {} },
      { name: 'customers', partitions: 2, config: {} },
      { name: 'joined', partitions: 1, config: {} },
    ])
    const plan = joining().withTopics?.(['orders-eu', 'orders-us', 'customers', 'joined']) as Plan
    await expect(layOverCluster(plan, admin)).rejects.toThrow(
      'topics customers (2 partitions) and orders-us (3 partitions) must have the same number of partitions',
    )
  })

  it('runs in the test driver over the topics of its inputs', () => {
    const driver = new TopologyTestDriver(counting())
    const eu = driver.inputTopic('orders-eu', serdes.string, serdes.string)
    const us = driver.inputTopic('orders-us', serdes.string, serdes.string)
    eu.pipeInput('a', 'book', 1)
    us.pipeInput('a', 'pen', 2)
    const counted = driver.outputTopic('orders-counted', serdes.string, serdes.int64).readRecords()
    expect(counted.map(({ key, value }) => [key, value])).toEqual([
      ['a', 1],
      ['a', 2],
    ])
    expect(() => driver.pipeInput('orders-eu-old', { key: null, value: null, timestamp: 0 })).toThrow(
      'the topology does not read topic orders-eu-old',
    )
    const early = new TopologyTestDriver(counting(), { topics: ['orders-eu-old'] })
    early.inputTopic('orders-eu-old', serdes.string, serdes.string).pipeInput('b', 'ink', 1)
    expect(early.outputTopics).toContain('orders-counted')
  })
})
