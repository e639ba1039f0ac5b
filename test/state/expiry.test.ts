import { describe, expect, it, vi } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { StoreBackend } from '../../state/ports/backend.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore, SessionStore, VersionedKeyValueStore, WindowStore } from '../../state/ports/stores.ts'
import { jsonSerde, textSerde } from './serdes.ts'

/* Expired rows must leave memory and disk, not only the answers. */

const base = { name: 's', keySerde: textSerde, valueSerde: jsonSerde, logging: true, caching: false }

interface Bench {
  readonly store: ManagedStore
  readonly backend: StoreBackend
  readonly dropped: string[]
  /** The changelog after compaction. */
  readonly changelog: Map<string, Buffer | null>
  /** The same, to be restored. */
  records(): readonly RestoredRecord[]
  at(time: number): void
  commit(): Promise<string[]>
}

async function bench(spec: StoreSpec): Promise<Bench> {
  const backend = await memoryBackends().open('0_0', spec.name, backendOptions(spec))
  const dropped: string[] = []
  let time = -1
  const context = { streamTime: () => time, recordTimestamp: () => time, recordHeaders: () => NO_HEADERS }
  const store = createStore(spec, backend, context, { onDropped: (reason) => dropped.push(reason) })
  const changelog = new Map<string, Buffer | null>()
  let position = 0
  return {
    store,
    backend,
    dropped,
    changelog,
    at: (next) => {
      time = next
    },
    records: () =>
      [...changelog].map(([key, value]) => ({
        key: Buffer.from(key, 'latin1'),
        value,
        timestamp: 0,
        headers: NO_HEADERS,
      })),
    commit: async () => {
      const log: string[] = []
      store.flush()
      store.freeze((key, value) => {
        log.push(`${key}=${value === null ? null : String(value)}`)
        if (value === null) changelog.delete(key)
        else changelog.set(key, Buffer.from(value as string))
      })
      position += log.length
      await store.settle(position)
      // Whatever was begun between commits ends.
      await new Promise(setImmediate)
      return log
    },
  }
}

describe('a window store', () => {
  const spec: StoreSpec = {
    ...base,
    kind: 'window',
    timestamped: true,
    retainDuplicates: false,
    windowSizeMs: 10,
    retentionMs: 100,
  }
  const windows = async (keys: readonly string[]): Promise<Bench> => {
    const one = await bench(spec)
    one.at(0)
    for (const key of keys) (one.store.api as WindowStore<string, unknown>).put(key, { value: 0, timestamp: 0 }, 0)
    await one.commit()
    return one
  }
  const expire = ({ store }: Bench): void =>
    (store.api as WindowStore<string, unknown>).put('new', { value: 0, timestamp: 1000 }, 1000)

  it('drops expired rows again after the epoch that had dropped them is discarded', async () => {
    const keys = ['a', 'b', 'c']
    const one = await windows(keys)
    expire(one)
    one.store.flush()
    one.store.freeze(() => undefined)
    one.store.discard()
    expire(one)
    await one.commit()
    expect([one.backend.approximateEntries(), one.changelog.size]).toEqual([1, 1])
  })

  it('drops expired rows that a restore brings behind those it has dropped before', async () => {
    const former = (await windows(['a', 'b'])).records()
    const one = await windows(['c', 'd'])
    expire(one)
    await one.commit()
    await one.store.restore(former, 10)
    expire(one)
    await one.commit()
    expect(one.backend.approximateEntries()).toBe(1)
  })
})

describe('a ttl store', () => {
  it.each([true, false])('purges expired rows a few per commit, in the changelog too; scan: %s', async (scan) => {
    const { store, backend, at, commit } = await bench({
      ...base,
      kind: 'key-value',
      timestamped: true,
      scan,
      ttlMs: 100,
    })
    const api = store.api as KeyValueStore<string, unknown>
    for (let index = 0; index < 1000; index++)
      api.put(`key-${index}`, { value: index, timestamp: index < 900 ? 0 : 500 })
    await commit()
    at(400)
    expect([api.get('key-1'), store.committed.get('key-1')]).toEqual([null, null])
    expect(api.get('key-950')).toEqual({ value: 950, timestamp: 500 })
    const tombstones: string[] = []
    let commits = 0
    while (backend.approximateEntries() > 100) {
      tombstones.push(...(await commit()))
      expect(++commits).toBeLessThan(100)
    }
    expect(new Set(tombstones)).toEqual(new Set(Array.from({ length: 900 }, (_, index) => `key-${index}=null`)))
    expect(commits).toBeGreaterThan(5)
    // Once round finds nothing more.
    for (let more = 0; more < 5; more++) expect(await commit()).toEqual([])
    expect(backend.approximateEntries()).toBe(100)
  })

  const spec: StoreSpec = { ...base, kind: 'key-value', timestamped: true, scan: true, ttlMs: 100 }
  const put = ({ store }: Bench, key: string, timestamp: number): void =>
    (store.api as KeyValueStore<string, unknown>).put(key, { value: 0, timestamp })

  it('looks at keys only when the oldest row has expired, and then at all of them', async () => {
    const ttl = await bench(spec)
    put(ttl, 'old', 10)
    put(ttl, 'young', 50)
    await ttl.commit()
    const keys = vi.spyOn(ttl.backend, 'keys')
    const visits = async (time: number): Promise<number> => {
      ttl.at(time)
      keys.mockClear()
      await ttl.commit()
      return keys.mock.calls.length
    }
    expect([await visits(110), ttl.backend.approximateEntries()]).toEqual([0, 2])
    expect([await visits(111), ttl.backend.approximateEntries()]).toEqual([1, 1])
    expect([await visits(150), ttl.backend.approximateEntries()]).toEqual([0, 1])
    // A row may be put with any time.
    put(ttl, 'late', 40)
    expect([await visits(150), ttl.backend.approximateEntries()]).toEqual([1, 1])
    expect([await visits(151), ttl.backend.approximateEntries()]).toEqual([1, 0])
    expect(await visits(1000)).toBe(0)
  })

  it('without keys in memory it reads them between commits, and only when the oldest row has expired', async () => {
    const ttl = await bench({ ...spec, scan: false })
    expect(() => ttl.backend.keys({})).toThrow()
    put(ttl, 'old', 10)
    put(ttl, 'young', 50)
    await ttl.commit()
    const scan = vi.spyOn(ttl.backend, 'scan')
    const seen = async (time: number, commits: number): Promise<readonly number[]> => {
      ttl.at(time)
      scan.mockClear()
      for (let i = 0; i < commits; i++) await ttl.commit()
      return [scan.mock.calls.length, ttl.backend.approximateEntries()]
    }
    expect(await seen(110, 3)).toEqual([0, 2])
    expect(await seen(111, 1)).toEqual([1, 2])
    expect(await seen(111, 3)).toEqual([0, 1])
    expect(await seen(150, 3)).toEqual([0, 1])
    // A row may be put with any time.
    put(ttl, 'late', 40)
    expect((await seen(150, 5))[1]).toBe(1)
    expect(await seen(150, 3)).toEqual([0, 1])
    expect(await seen(151, 2)).toEqual([1, 0])
  })

  it('a page that cannot be read fails a later commit', async () => {
    const ttl = await bench({ ...spec, scan: false })
    put(ttl, 'old', 10)
    await ttl.commit()
    vi.spyOn(ttl.backend, 'scan').mockImplementation(() => {
      throw new Error('damaged')
    })
    ttl.at(1000)
    for (let i = 0; i < 2; i++) await ttl.commit()
    await expect(ttl.commit()).rejects.toThrow('damaged')
  })

  it.each([
    [true, 1],
    [false, 2],
  ])(
    'finds expired rows that a restore brought, and those that a discarded epoch gave back; scan: %s',
    async (scan, commits) => {
      const ttl = await bench({ ...spec, scan })
      put(ttl, 'put', 1000)
      await ttl.commit()
      await ttl.store.restore(
        [{ key: Buffer.from('restored'), value: Buffer.from('0'), timestamp: 0, headers: NO_HEADERS }],
        2,
      )
      ttl.at(500)
      ttl.store.freeze(() => undefined)
      ttl.store.discard()
      expect(ttl.backend.approximateEntries()).toBe(2)
      for (let i = 1; i < commits; i++) expect(await ttl.commit()).toEqual([])
      expect(await ttl.commit()).toEqual(['restored=null'])
    },
  )
})

describe('a window store', () => {
  const spec: StoreSpec = {
    ...base,
    kind: 'window',
    timestamped: false,
    retentionMs: 100,
    windowSizeMs: 10,
    retainDuplicates: false,
  }

  it('drops whole expired segments, in its changelog too, and counts late records', async () => {
    const { store, backend, dropped, changelog, commit } = await bench(spec)
    const api = store.api as WindowStore<string, unknown>
    for (let start = 0; start < 1000; start += 10) {
      for (const key of ['a', 'b']) api.put(key, start, start)
      await commit()
      // Stores and what is left of their changelogs are the same rows, so one bound holds for both.
      expect(changelog.size).toBe(backend.approximateEntries())
    }
    // 100 ms of retention and a segment of 10 ms more.
    expect(backend.approximateEntries()).toBeLessThanOrEqual(2 * 12)
    expect([...api.fetchRange('a', 0, 2000)].map(([start]) => start)).toEqual([
      900, 910, 920, 930, 940, 950, 960, 970, 980, 990,
    ])
    expect(dropped).toEqual([])
    api.put('a', 'late', 890)
    api.put('a', 'in time', 891)
    expect(dropped).toEqual(['expired-window'])
    expect([api.fetch('a', 890), api.fetch('a', 891)]).toEqual([null, 'in time'])
  })

  it('deletes from the changelog what had expired there before the restore', async () => {
    const before = await bench(spec)
    const written = before.store.api as WindowStore<string, unknown>
    for (const start of [0, 10, 500]) written.put('a', start, start)
    const log: RestoredRecord[] = []
    before.store.freeze((key, value) =>
      log.push({
        key: Buffer.from(key, 'latin1'),
        value: Buffer.from(String(value)),
        timestamp: 0,
        headers: NO_HEADERS,
      }),
    )
    const { store, backend, commit } = await bench(spec)
    await store.restore(log, 3)
    const api = store.api as WindowStore<string, unknown>
    expect([...api.all()].map(([{ window }]) => window.start)).toEqual([500])
    api.put('a', 510, 510)
    expect((await commit()).filter((record) => record.endsWith('=null'))).toHaveLength(2)
    expect(backend.approximateEntries()).toBe(2)
  })
})

describe('a session store', () => {
  it('drops expired sessions by their end, and counts late records', async () => {
    const { store, backend, dropped, changelog, commit } = await bench({ ...base, kind: 'session', retentionMs: 100 })
    const api = store.api as SessionStore<string, unknown>
    for (let start = 0; start < 1000; start += 10) {
      api.put({ key: 'a', window: { start, end: start + 5 } }, start)
      await commit()
      expect(changelog.size).toBe(backend.approximateEntries())
    }
    expect(backend.approximateEntries()).toBeLessThanOrEqual(14)
    expect([...api.fetch('a')].map(([{ window }]) => window.end)).toEqual([
      905, 915, 925, 935, 945, 955, 965, 975, 985, 995,
    ])
    api.put({ key: 'a', window: { start: 0, end: 895 } }, 'late')
    expect(dropped).toEqual(['expired-session'])
  })
})

describe('a versioned store', () => {
  const spec: StoreSpec = { ...base, kind: 'versioned', historyRetentionMs: 100 }

  it('drops versions that no read can see, of busy and idle keys, in its changelog too', async () => {
    const { store, backend, dropped, changelog, commit } = await bench(spec)
    const api = store.api as VersionedKeyValueStore<string, unknown>
    for (let version = 0; version < 200; version++) api.put('idle', version, version)
    api.put('deleted', 'x', 150)
    api.put('deleted', null, 160)
    await commit()
    for (let time = 200; time < 2000; time += 10) {
      api.put('busy', time, time)
      await commit()
      expect(changelog.size).toBe(backend.approximateEntries())
    }
    // The latest of idle, and a hundred ms of busy.
    expect(backend.approximateEntries()).toBeLessThanOrEqual(1 + 12)
    expect(api.get('idle')).toEqual({ value: 199, timestamp: 199, validTo: null })
    expect(api.getAsOf('busy', 1895)).toEqual({ value: 1890, timestamp: 1890, validTo: 1900 })
    expect(api.getAsOf('busy', 1889)).toBeNull()
    expect(api.put('busy', 'late', 1889)).toBeUndefined()
    expect(dropped).toEqual(['expired-version'])
  })

  it('keeps its whole history through compaction, including deletes and repeated values', async () => {
    const before = await bench(spec)
    const written = before.store.api as VersionedKeyValueStore<string, unknown>
    written.put('a', 'first', 10)
    written.put('a', null, 20)
    written.put('a', 'first', 30)
    written.put('a', '', 40)
    await before.commit()
    const { store } = await bench(spec)
    await store.restore(before.records(), 4)
    const api = store.api as VersionedKeyValueStore<string, unknown>
    expect([5, 15, 25, 35, 45].map((time) => api.getAsOf('a', time))).toEqual([
      null,
      { value: 'first', timestamp: 10, validTo: 20 },
      null,
      { value: 'first', timestamp: 30, validTo: 40 },
      { value: '', timestamp: 40, validTo: null },
    ])
  })

  it('reads a changelog of the old format and rewrites it: no old record comes back', async () => {
    const { store, changelog, commit, records } = await bench(spec)
    const former = (key: string, value: string | null, timestamp: number): RestoredRecord => {
      changelog.set(key, value === null ? null : Buffer.from(value))
      return {
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestamp,
        headers: NO_HEADERS,
      }
    }
    const log = [former('a', '1', 10), former('a', '2', 20), former('gone', '1', 20), former('b', '1', 20)]
    log.push(former('b', null, 30))
    for (let key = 0; key < 500; key++) log.push(former(`many-${key}`, String(key), 40))
    await store.restore(log, log.length)
    const api = store.api as VersionedKeyValueStore<string, unknown>
    expect(api.getAsOf('a', 15)).toEqual({ value: 1, timestamp: 10, validTo: 20 })
    expect([api.getAsOf('b', 25), api.get('b')]).toEqual([{ value: 1, timestamp: 20, validTo: 30 }, null])
    api.put('gone', null, 50)
    // A delete that no read can see any longer, before the rewrite has come to its key.
    api.put('new', 0, 160)
    api.put('gone', null, 50)
    api.put('b', null, 60)
    await commit()
    store.freeze(() => undefined)
    store.discard()
    for (let time = 161; time < 175; time++) {
      api.put('new', time, time)
      await commit()
    }
    const restored = await bench(spec)
    await restored.store.restore(records(), 1)
    const again = restored.store.api as VersionedKeyValueStore<string, unknown>
    for (const key of ['a', 'b', 'gone', 'new', 'many-0', 'many-499']) expect(again.get(key)).toEqual(api.get(key))
    expect([...changelog.keys()].filter((key) => !key.startsWith('\xff'))).toEqual([])
    expect(again.get('a')).toEqual({ value: 2, timestamp: 20, validTo: null })
    expect([again.get('b'), again.get('gone')]).toEqual([null, null])
  })

  it('rewrites rows of the old format in its files', async () => {
    const { store, backend, changelog, commit } = await bench(spec)
    const api = store.api as VersionedKeyValueStore<string, unknown>
    api.put('a', 1, 10)
    await commit()
    const note = backend.note()
    await backend.write([], 1, '10')
    changelog.clear()
    const context = { streamTime: () => 10, recordTimestamp: () => 10, recordHeaders: () => NO_HEADERS }
    const opened = createStore(spec, backend, context)
    ;(opened.api as VersionedKeyValueStore<string, unknown>).put('b', 1, 20)
    const log: string[] = []
    opened.freeze((key, value) => log.push(`${key.at(key.startsWith('\xff') ? -9 : 0)}=${value}`))
    await opened.settle(4)
    expect(log.sort()).toEqual(['a=\x011', 'a=null', 'b=\x011', 'b=null'])
    expect([note, backend.note()]).toEqual(['10v', '20v'])
  })
})
