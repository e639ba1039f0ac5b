import { describe, expect, it } from 'vitest'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import type { RestoreEvent } from '../../../runtime/ports/instance-events.ts'
import { type Changelog, ChangelogReader, RestoreInterruptedError } from '../../../runtime/restore/changelog-reader.ts'

import { memoryBackend, memoryBackends } from '../../../state/backends/memory.ts'
import { writeBehind } from '../../../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../../../state/create-store.ts'
import type { ManagedStore, StoreContext } from '../../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { Committed } from '../../support/committed.ts'
import { ManualTime } from '../../support/manual-time.ts'

const LOG = { taskId: '0_0', topic: 'changelog', partition: 0 }
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

const NO_CONTEXT: StoreContext = { streamTime: () => -1, recordTimestamp: () => 0, recordHeaders: () => [] }

function setting({ staleStore }: { readonly staleStore?: 'restore' | 'fail' } = {}) {
  const time = new ManualTime()
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: LOG.topic, partitions: 1, config: {} })
  const base = { cluster, network: IDEAL_NETWORK, clock: time, client: 'test' }
  const readers: string[] = []
  const restored: number[] = []
  const events: RestoreEvent[] = []
  const changelogs = new ChangelogReader({
    admin: new MemoryAdmin(base),
    clock: time,
    newReader: () => {
      readers.push('made')
      return new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 2 })
    },
    onRecords: (_store, records) => restored.push(records),
    onEvent: (event) => {
      if (event.type === 'restore') events.push(event.restore)
    },
    ...(staleStore && { staleStore }),
  })
  /** Until the stores are there. */
  const restore = async (targets: readonly Changelog[]): Promise<void> => {
    await Promise.all((await changelogs.restore(targets)).map(({ ended }) => ended))
  }
  const newStore = () => createStore(spec, memoryBackend(spec.name, backendOptions(spec)), NO_CONTEXT)
  const store = newStore()
  const record = (key: string, value: string | null) => ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: 0,
    headers: [],
  })
  const append = (key: string, value: string | null): void => {
    cluster.append(LOG, [record(key, value)])
  }
  return { time, cluster, changelogs, restore, store, newStore, readers, restored, events, record, append }
}

async function rows(store: ManagedStore): Promise<Record<string, unknown>> {
  return Object.fromEntries(await new Committed(store, spec).scan()) as Record<string, unknown>
}

describe('a restore', () => {
  it('brings a store to the fold of its committed changelog, and its position past the markers', async () => {
    const { cluster, changelogs, restore, store, record, append, restored } = setting()
    append('a', '1')
    append('b', '1')
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', 'aborted'), record('c', 'aborted')])
    cluster.endTxn(session, 'abort')
    cluster.produce(session, LOG, [record('a', '2'), record('b', null)])
    cluster.endTxn(session, 'commit')
    await restore([{ ...LOG, store }])
    expect(await rows(store)).toEqual({ a: '2' })
    expect(store.position()).toBe(8)
    expect(changelogs.progress()).toEqual([])
    expect(restored.reduce((sum, records) => sum + records, 0)).toBe(4)
  })

  it('has its rows on disk soon after its end, without a commit', async () => {
    const { restore, append } = setting()
    const disk = memoryBackends({ durable: true })
    const behind = await writeBehind(disk).open('0_0', spec.name, backendOptions(spec))
    for (const value of ['1', '2', '3']) append('a', value)
    await restore([{ ...LOG, store: createStore(spec, behind, NO_CONTEXT) }])
    // Another life of the process: the first one never closed the store.
    const found = createStore(spec, await disk.open('0_0', spec.name, backendOptions(spec)), NO_CONTEXT)
    expect(await rows(found)).toEqual({ a: '3' })
    expect(found.position()).toBe(3)
  })

  it('writes the stores beside each other', async () => {
    const { cluster, restore, store, newStore, record, append } = setting()
    const second = { taskId: '1_0', topic: 'second', partition: 0 }
    cluster.createTopic({ name: second.topic, partitions: 1, config: {} })
    // A fetch has two batches of each: the second one has the ends of both.
    for (const value of ['1', '2', '3']) append('a', value)
    cluster.append(second, [record('b', '1')])
    const other = newStore()
    const stores = [
      { one: store, end: 3, begun: Promise.withResolvers<void>() },
      { one: other, end: 1, begun: Promise.withResolvers<void>() },
    ]
    for (const { one, end, begun } of stores) {
      const write = one.restore.bind(one)
      one.restore = async (rows, position, asOf) => {
        if (position === end) begun.resolve()
        // The last write of each ends only when that of the other has begun.
        if (position === end) await Promise.all(stores.map((any) => any.begun.promise))
        await write(rows, position, asOf)
      }
    }
    await restore([
      { ...LOG, store },
      { ...second, store: other },
    ])
    expect([store.position(), other.position()]).toEqual([3, 1])
  })

  it('reads nothing when there is nothing to read', async () => {
    const { time, restore, store, readers, append } = setting()
    append('a', '1')
    await restore([{ ...LOG, store }])
    await time.pass(1000)
    await restore([{ ...LOG, store }])
    expect(readers).toHaveLength(1)
  })

  it('waits for a decided transaction whose markers are missing, and reports its progress', async () => {
    const { time, cluster, changelogs, restore, store, record, append, events } = setting()
    append('b', '1')
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', '1')])
    let done = false
    const restored = restore([{ ...LOG, store }]).then(() => {
      done = true
    })
    await time.pass(1000)
    expect(done).toBe(false)
    const progress = { store: 'store', partition: 0, total: 2 }
    expect(changelogs.progress()).toEqual([{ ...progress, remaining: 1, recordsPerSecond: 1 }])
    cluster.endTxn(session, 'commit')
    await time.until('restored', () => done)
    await restored
    expect(await rows(store)).toEqual({ a: '1', b: '1' })
    expect(events).toMatchObject([
      { ...progress, type: 'start', remaining: 2, elapsedMs: 0 },
      { ...progress, type: 'end', remaining: 0 },
    ])
  })

  it.each([
    ['below the log start', 2],
    ['behind the end', 99],
  ])('begins again with an empty store when its position is %s', async (_name, position) => {
    const { cluster, restore, store, append, events } = setting()
    await store.restore([{ key: Buffer.from('stale'), value: Buffer.from('x'), timestamp: 0, headers: [] }], position)
    for (const key of ['a', 'b', 'c', 'd']) append(key, '1')
    cluster.log(LOG).deleteBelow(3)
    await restore([{ ...LOG, store }])
    expect(await rows(store)).toEqual({ d: '1' })
    expect(store.position()).toBe(4)
    expect(events.map(({ type }) => type)).toEqual(['wiped', 'start', 'end'])
  })

  it('begins again when the log is truncated during the restore', async () => {
    const { time, cluster, restore, store, append, events } = setting()
    for (let i = 0; i < 10; i++) append(`old-${i}`, '1')
    const log = cluster.log(LOG)
    const fetch = log.fetch.bind(log)
    let fetches = 0
    log.fetch = (...args) => {
      if (++fetches === 3) log.deleteBelow(8)
      return fetch(...args)
    }
    const restored = restore([{ ...LOG, store }])
    await time.pass(1000)
    await restored
    expect(await rows(store)).toEqual({ 'old-8': '1', 'old-9': '1' })
    expect(events.map(({ type }) => type)).toEqual(['start', 'wiped', 'end'])
  })

  describe('of a store that was away while a row was deleted and the delete compacted away', () => {
    const DAY_MS = 86_400_000

    /** The store has `gone`; the changelog has lost it, and has `b`. */
    async function away(ms: number, options: Parameters<typeof setting>[0] = {}) {
      const set = setting(options)
      set.append('gone', '1')
      await set.restore([{ ...LOG, store: set.store }])
      set.events.length = 0
      set.time.jumpWallClock(ms)
      set.cluster.log(LOG).deleteBelow(1)
      set.append('b', '1')
      return set
    }

    it.each([
      ['longer than deletes are kept', DAY_MS],
      ['nobody knows how long, as the clock was set back', -1],
    ])('begins again after %s', async (_name, ms) => {
      const { restore, store, events } = await away(ms)
      await restore([{ ...LOG, store }])
      expect(await rows(store)).toEqual({ b: '1' })
      expect(events.map(({ type }) => type)).toEqual(['stale', 'start', 'end'])
    })

    it('uses the delete.retention.ms of the changelog', async () => {
      const { cluster, restore, store, events } = await away(2000)
      cluster.changeTopicConfig(LOG.topic, { 'delete.retention.ms': '1000' })
      await restore([{ ...LOG, store }])
      expect(await rows(store)).toEqual({ b: '1' })
      expect(events.map(({ type }) => type)).toEqual(['stale', 'start', 'end'])
    })

    it('continues within that time, and begins again when it is over before the end is reached', async () => {
      const within = await away(DAY_MS - 1000)
      await within.restore([{ ...LOG, store: within.store }])
      expect(within.events.map(({ type }) => type)).toEqual(['start', 'end'])

      const { time, cluster, restore, store, events } = await away(DAY_MS - 1000)
      const log = cluster.log(LOG)
      const fetch = log.fetch.bind(log)
      let isSlow = true
      log.fetch = (...args) => {
        if (isSlow) time.jumpWallClock(2000)
        isSlow = false
        return fetch(...args)
      }
      await restore([{ ...LOG, store }])
      expect(await rows(store)).toEqual({ b: '1' })
      expect(events.map(({ type }) => type)).toEqual(['start', 'stale', 'end'])
    })

    it('fails when the setting says so, and leaves the store unchanged', async () => {
      const { restore, store } = await away(DAY_MS, { staleStore: 'fail' })
      await expect(restore([{ ...LOG, store }])).rejects.toMatchObject({ code: 'STALE_STORE' })
      expect(await rows(store)).toEqual({ gone: '1' })
    })

    it('reads nothing when nothing was written in between, however long it was away', async () => {
      const { time, restore, store, append, events } = setting()
      append('a', '1')
      await restore([{ ...LOG, store }])
      events.length = 0
      time.jumpWallClock(100 * DAY_MS)
      await restore([{ ...LOG, store }])
      expect(await rows(store)).toEqual({ a: '1' })
      expect(events).toEqual([])
    })
  })

  it('ends when it is stopped, and does not touch the store again', async () => {
    const { time, cluster, changelogs, store, record, append } = setting()
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', '1')])
    const reads = await changelogs.restore([{ ...LOG, store }])
    const ended = expect(reads[0]?.ended).rejects.toBeInstanceOf(RestoreInterruptedError)
    await time.pass(500)
    changelogs.stop(reads)
    await ended
    expect(changelogs.progress()).toEqual([])
    cluster.endTxn(session, 'commit')
    append('b', '1')
    await time.pass(500)
    expect(await rows(store)).toEqual({})
  })
})

describe('a store that follows its changelog', () => {
  it('gets what is committed as it comes, until it is stopped', async () => {
    const { time, cluster, changelogs, store, record, append } = setting()
    append('a', '1')
    const reads = await changelogs.follow([{ ...LOG, store }])
    const ended = expect(reads[0]?.ended).rejects.toBeInstanceOf(RestoreInterruptedError)
    await time.until('caught up', () => store.position() === 1)
    const session = cluster.initProducerId('tx')
    cluster.produce(session, LOG, [record('a', 'aborted'), record('b', 'aborted')])
    await time.pass(1000)
    expect(await rows(store)).toEqual({ a: '1' })
    cluster.endTxn(session, 'abort')
    append('a', '2')
    await time.until('caught up again', () => store.position() === 5)
    expect(await rows(store)).toEqual({ a: '2' })
    expect(reads[0]?.progress()).toMatchObject({ remaining: 0, total: 5 })
    expect(changelogs.progress()).toEqual([])
    changelogs.stop(reads)
    await ended
    append('a', '3')
    await time.pass(1000)
    expect(await rows(store)).toEqual({ a: '2' })
  })
})
