import { describe, expect, it } from 'vitest'
import { MemoryCluster } from '../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import { RestoreInterruptedError, Restorer } from '../../runtime/restorer.ts'
import { memoryBackend } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import { stringSerde } from '../../topology/serdes.ts'
import { ManualTime } from '../support/manual-time.ts'

const LOG = { topic: 'changelog', partition: 0 }
const spec: StoreSpec = {
  kind: 'key-value',
  name: 'store',
  keySerde: stringSerde,
  valueSerde: stringSerde,
  timestamped: false,
  scan: true,
  logging: true,
  caching: false,
}

function setting() {
  const time = new ManualTime()
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: LOG.topic, partitions: 1, config: {} })
  const base = { cluster, network: IDEAL_NETWORK, clock: time, client: 'test' }
  const readers: string[] = []
  const restorer = new Restorer(new MemoryAdmin(base), () => {
    readers.push('made')
    return new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 2 })
  })
  const store = createStore(spec, memoryBackend(spec.name, backendOptions(spec)), {
    streamTime: () => -1,
    recordTimestamp: () => 0,
    recordHeaders: () => [],
  })
  const record = (key: string, value: string | null) => ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: 0,
    headers: [],
  })
  const append = (key: string, value: string | null): void => {
    cluster.append(LOG, [record(key, value)])
  }
  return { time, cluster, restorer, store, readers, record, append }
}

async function rows(store: ManagedStore): Promise<Record<string, unknown>> {
  return Object.fromEntries(await store.committed.scan({})) as Record<string, unknown>
}

describe('a restore', () => {
  it('brings a store to the fold of its committed changelog, and its position behind the markers', async () => {
    const { cluster, restorer, store, record, append } = setting()
    append('a', '1')
    append('b', '1')
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', 'aborted'), record('c', 'aborted')])
    cluster.endTxn(session, 'abort')
    cluster.produce(session, LOG, [record('a', '2'), record('b', null)])
    cluster.endTxn(session, 'commit')
    await restorer.restore([{ ...LOG, store }], () => false)
    expect(await rows(store)).toEqual({ a: '2' })
    expect(store.position()).toBe(8)
    expect(restorer.progress()).toEqual([])
  })

  it('reads nothing when there is nothing to read', async () => {
    const { restorer, store, readers, append } = setting()
    append('a', '1')
    await restorer.restore([{ ...LOG, store }], () => false)
    await restorer.restore([{ ...LOG, store }], () => false)
    expect(readers).toHaveLength(1)
  })

  it('waits for a transaction that is decided but not marked yet', async () => {
    const { time, cluster, restorer, store, record } = setting()
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', '1')])
    let done = false
    const restored = restorer
      .restore([{ ...LOG, store }], () => false)
      .then(() => {
        done = true
      })
    await time.pass(1000)
    expect(done).toBe(false)
    expect(restorer.progress()).toEqual([{ store: 'store', partition: 0, remaining: 1, total: 1 }])
    cluster.endTxn(session, 'commit')
    await time.until('restored', () => done)
    await restored
    expect(await rows(store)).toEqual({ a: '1' })
  })

  it.each([
    ['below the log start', 2],
    ['behind the end', 99],
  ])('begins anew with an empty store when its position is %s', async (_name, position) => {
    const { cluster, restorer, store, append } = setting()
    await store.restore([{ key: Buffer.from('stale'), value: Buffer.from('x'), timestamp: 0, headers: [] }], position)
    for (const key of ['a', 'b', 'c', 'd']) append(key, '1')
    cluster.log(LOG).deleteBelow(3)
    await restorer.restore([{ ...LOG, store }], () => false)
    expect(await rows(store)).toEqual({ d: '1' })
    expect(store.position()).toBe(4)
  })

  it('begins anew when the log is cut away under it', async () => {
    const { time, cluster, restorer, store, append } = setting()
    for (let i = 0; i < 10; i++) append(`old-${i}`, '1')
    const log = cluster.log(LOG)
    const fetch = log.fetch.bind(log)
    let fetches = 0
    log.fetch = (...args) => {
      if (++fetches === 3) log.deleteBelow(8)
      return fetch(...args)
    }
    const restored = restorer.restore([{ ...LOG, store }], () => false)
    await time.pass(1000)
    await restored
    expect(await rows(store)).toEqual({ 'old-8': '1', 'old-9': '1' })
  })

  it('gives up when it is interrupted', async () => {
    const { time, cluster, restorer, store, record } = setting()
    cluster.produce(cluster.initProducerId('tx'), LOG, [record('a', '1')])
    let isInterrupted = false
    const restored = expect(restorer.restore([{ ...LOG, store }], () => isInterrupted)).rejects.toBeInstanceOf(
      RestoreInterruptedError,
    )
    await time.pass(500)
    isInterrupted = true
    await time.pass(500)
    await restored
    expect(restorer.progress()).toEqual([])
  })
})
