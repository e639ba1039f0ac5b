import { beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { StoreUnavailableError } from '../../../runtime/ports/instance.ts'
import { InputLineage } from '../../../runtime/task/input-lineage.ts'
import { RetriableError } from '../../../state/ports/errors.ts'
import { StreamsBuilder } from '../../../topology/index.ts'
import type { Plan, Subtopology } from '../../../topology/plan.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { ManualTime } from '../../support/manual-time.ts'

/*
 * Two steps behind the input: in -> (by value) -> step-one -> (by value) -> step-two -> counts. `other` goes straight into the second.
 */
const TEXT = { keySerde: stringSerde, valueSerde: stringSerde }
const GROUP = { groupId: 'app', memberId: 'm', generation: 1, groupInstanceId: null }

function steps(): Plan {
  const builder = new StreamsBuilder()
  const one = builder
    .stream<string, string>('in', TEXT)
    .selectKey((_key, value) => value)
    .repartition({ name: 'step-one', ...TEXT })
  builder
    .stream<string, string>('other', TEXT)
    .merge(one)
    .selectKey((_key, value) => value)
    .repartition({ name: 'step-two', ...TEXT })
    .groupByKey()
    .count({ materialized: { name: 'counts' } })
  builder
    .stream<string, string>('apart', TEXT)
    .groupByKey()
    .count({ materialized: { name: 'apart' } })
  return builder.build().build({ applicationId: 'app' })
}

const plan = steps()
const withStore = (name: string): Subtopology =>
  plan.subtopologies.find(({ stores }) => stores.some(({ spec }) => spec.name === name)) as Subtopology
const topicOf = (name: string): string =>
  plan.internalTopics.map((topic) => topic.name).find((topic) => topic.includes(name)) as string
const [ONE, TWO] = [topicOf('step-one'), topicOf('step-two')]

let cluster: MemoryCluster
let time: ManualTime
let admin: MemoryAdmin
let lineage: InputLineage

beforeEach(() => {
  cluster = new MemoryCluster(IDEAL_NETWORK)
  time = new ManualTime()
  for (const name of ['in', 'other', 'apart']) cluster.createTopic({ name, partitions: 1, config: {} })
  for (const name of [ONE, TWO]) cluster.createTopic({ name, partitions: 2, config: {} })
  cluster.setMember('app', 'm', 1)
  admin = new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock: time, client: 'test' })
  lineage = new InputLineage({
    plan,
    admin,
    clock: time,
    partitionsOf: (topic) => [0, 1].map((partition) => ({ topic, partition })),
  })
})

const at = (topic: string, offset: number, partition = 0) => ({ topic, partition, offset })

function write(topic: string, partition: number, count: number): void {
  const record = { key: Buffer.from('k'), value: null, timestamp: 0, headers: [] }
  for (let i = 0; i < count; i++) cluster.append({ topic, partition }, [record])
}

const commit = (topic: string, offset: number, partition = 0): void =>
  cluster.offsetCommit(GROUP, [{ ...at(topic, offset, partition), metadata: '' }])

/** Returns the answer, with waits in manual time; `meanwhile` is called once it waits. */
async function sourceOffsets(offsets: ReturnType<typeof at>[], meanwhile: () => void = () => undefined) {
  const answer = lineage.sourceOffsets(withStore('counts'), offsets, time.monotonic() + 1000)
  let settled = false
  const done = answer.finally(() => {
    settled = true
  })
  done.catch(() => undefined)
  await time.pass(100)
  const waited = !settled
  meanwhile()
  await time.pass(2000)
  return { waited, offsets: await done }
}

describe('offsets of the input', () => {
  it('stand for themselves where the store’s own tasks read them', async () => {
    const subtopology = withStore('apart')
    expect(await lineage.sourceOffsets(subtopology, [at('apart', 5)], time.monotonic())).toEqual([at('apart', 5)])
  })

  it('after repartition topics, stand for all input when the group has passed every step', async () => {
    write(ONE, 0, 3)
    write(TWO, 1, 4)
    const { waited, offsets } = await sourceOffsets([at('in', 6)], () => {
      // The record at 6 is covered by an offset of 7.
      commit('in', 7)
      commit(ONE, 3, 0)
      write(TWO, 0, 2)
    })
    expect({ waited, offsets }).toEqual({ waited: true, offsets: [at(TWO, 1, 0), at(TWO, 3, 1)] })
  })

  it('need not pass steps that their records do not take', async () => {
    write(ONE, 0, 3)
    write(TWO, 0, 1)
    commit('other', 1)
    expect(await sourceOffsets([at('other', 0)])).toEqual({ waited: false, offsets: [at(TWO, 0, 0)] })
  })

  it('need no waiting where nothing was written', async () => {
    commit('in', 1)
    expect(await sourceOffsets([at('in', 0)])).toEqual({ waited: false, offsets: [] })
  })

  it('that the group does not pass in time give null, wherever it stops', async () => {
    expect(await sourceOffsets([at('in', 0)])).toEqual({ waited: true, offsets: null })
    write(ONE, 1, 1)
    commit('in', 1)
    expect(await sourceOffsets([at('in', 0)])).toEqual({ waited: true, offsets: null })
    // One short is not passed.
    commit(ONE, 0, 1)
    expect(await sourceOffsets([at('in', 0)])).toEqual({ waited: true, offsets: null })
  })

  it('of a topic that the store does not read from are refused', async () => {
    for (const topic of ['apart', 'no such topic']) {
      await expect(lineage.sourceOffsets(withStore('counts'), [at(topic, 0)], 0)).rejects.toThrow(
        new RangeError(`${topic} is no input of this store`),
      )
    }
  })
})

it('while the brokers do not answer, the store is unavailable', async () => {
  for (const call of ['committedOffsets', 'highWatermarks'] as const) {
    vi.spyOn(admin, call).mockRejectedValueOnce(new RetriableError('KAFKA_CONNECTION', 'gave up after 2 s'))
    write('in', 0, 1)
    commit('in', 1)
    commit(ONE, 9)
    commit(ONE, 9, 1)
    await expect(sourceOffsets([at('in', 0)])).rejects.toThrow(StoreUnavailableError)
  }
})
