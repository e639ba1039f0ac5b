import { describe, expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { CacheBudget } from '../../state/layers/cache-budget.ts'
import type { StoreBackend } from '../../state/ports/backend.ts'
import { StoreClosedError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { FlushedChange, ManagedStore } from '../../state/ports/managed-store.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { Committed } from '../support/committed.ts'
import { textSerde } from './serdes.ts'

interface Bench {
  readonly store: ManagedStore
  readonly committed: Committed
  readonly api: KeyValueStore<string, string>
  readonly backend: StoreBackend
  readonly budget: CacheBudget
  /** Time of the record being processed. */
  at(time: number): void
  /** flush, freeze, settle; answers the changelog records. */
  commit(): Promise<string[]>
  freeze(): string[]
}

interface BenchOptions extends Partial<KeyValueSpec> {
  readonly budget?: CacheBudget
  readonly wrap?: (backend: StoreBackend) => StoreBackend
}

async function bench({ budget = new CacheBudget(1_000_000), wrap, ...spec }: BenchOptions = {}): Promise<Bench> {
  const full: KeyValueSpec = {
    kind: 'key-value',
    name: 'rows',
    keySerde: textSerde,
    valueSerde: textSerde,
    logging: true,
    caching: true,
    timestamped: false,
    scan: true,
    ...spec,
  }
  const opened = await memoryBackends().open('0_0', full.name, backendOptions(full))
  const backend = wrap?.(opened) ?? opened
  let time = 0
  const context = { streamTime: () => time, recordTimestamp: () => time, recordHeaders: () => NO_HEADERS }
  const store = createStore(full, backend, context, { cache: budget })
  let position = 0
  const freeze = (): string[] => {
    const records: string[] = []
    store.freeze((key, value, timestamp) =>
      records.push(`${key}=${value === null ? null : String(value)}@${timestamp}`),
    )
    position += records.length
    return records
  }
  return {
    store,
    committed: new Committed(store, full),
    api: store.api as KeyValueStore<string, string>,
    backend,
    budget,
    at: (next) => {
      time = next
    },
    freeze,
    commit: async () => {
      store.flush()
      const records = freeze()
      await store.settle(position)
      return records
    },
  }
}

function listen(store: ManagedStore): string[] {
  const heard: string[] = []
  store.onFlush(({ key, newValue, oldValue, timestamp }) =>
    heard.push(`${key}: ${oldValue} -> ${newValue} @${timestamp}`),
  )
  return heard
}

describe('flush', () => {
  it('reports each changed key once, with the value of the last flush, in the order of the last puts', async () => {
    const { store, api, at } = await bench()
    const heard = listen(store)
    at(1)
    api.put('a', '1')
    api.put('b', '1')
    at(2)
    api.put('a', '2')
    store.flush()
    expect(heard).toEqual(['b: null -> 1 @1', 'a: null -> 2 @2'])
    at(3)
    api.delete('a')
    api.put('b', '3')
    store.flush()
    expect(heard.slice(2)).toEqual(['a: 2 -> null @3', 'b: 1 -> 3 @3'])
    store.flush()
    expect(heard).toHaveLength(4)
  })

  it('looks up the old value of a key that was written without being read', async () => {
    const { store, api, commit } = await bench({ budget: new CacheBudget(0) })
    const heard = listen(store)
    api.put('a', '1')
    await commit()
    api.put('a', '2')
    await commit()
    expect(heard).toEqual(['a: null -> 1 @0', 'a: 1 -> 2 @0'])
  })

  it('omits a key that was added and deleted between two flushes', async () => {
    const { store, api, commit } = await bench()
    const heard = listen(store)
    api.put('a', '1')
    api.put('a', null)
    expect(await commit()).toEqual(['a=null@0'])
    expect(heard).toEqual([])
  })

  it('continues until nothing is left, also for rows that the listener writes', async () => {
    const { store, api, commit } = await bench()
    const heard: string[] = []
    store.onFlush((change: FlushedChange<unknown, unknown>) => {
      heard.push(`${change.key}=${change.newValue}`)
      const count = Number(change.newValue)
      if (count < 3) api.put(`${change.key}`, String(count + 1))
    })
    api.put('a', '1')
    expect(await commit()).toEqual(['a=3@0'])
    expect(heard).toEqual(['a=1', 'a=2', 'a=3'])
  })

  it('that a listener interrupts by throwing cannot be frozen, only discarded', async () => {
    const { store, api, commit, freeze } = await bench()
    api.put('a', '1')
    await commit()
    let fails = true
    store.onFlush(() => {
      if (fails) throw new Error('downstream')
    })
    api.put('a', '2')
    api.put('b', '2')
    expect(() => store.flush()).toThrow('downstream')
    expect(freeze).toThrow(/without flush/)
    store.discard()
    fails = false
    expect([api.get('a'), api.get('b')]).toEqual(['1', null])
    api.put('b', '3')
    expect(await commit()).toEqual(['b=3@0'])
  })
})

describe('freeze', () => {
  it('returns each changed key once, in the order of the first puts', async () => {
    const { api, at, commit } = await bench({ caching: false })
    at(5)
    api.put('b', '1')
    api.put('a', '1')
    at(6)
    api.put('b', '2')
    expect(await commit()).toEqual(['b=2@6', 'a=1@5'])
    expect(await commit()).toEqual([])
  })

  it('omits a delete of a row known to be absent', async () => {
    const { api, commit } = await bench()
    expect(api.delete('a')).toBeNull()
    expect(await commit()).toEqual([])
  })

  it('returns nothing when logging is off, and the rows are still there', async () => {
    const { api, backend, commit } = await bench({ logging: false })
    api.put('a', '1')
    expect(await commit()).toEqual([])
    expect(backend.approximateEntries()).toBe(1)
  })

  it('calls the serde once per changed row and passes its result on unchanged', async () => {
    let calls = 0
    const valueSerde: Serde<unknown> = {
      serialize: (topic, value) => {
        calls++
        expect(topic).toBe('rows')
        return value as string
      },
      deserialize: textSerde.deserialize,
    }
    const { store, api } = await bench({ valueSerde, immutableValues: true })
    const value = 'ä'.repeat(3)
    for (let times = 0; times < 10; times++) api.put('a', value)
    store.flush()
    const handed: unknown[] = []
    store.freeze((_key, bytes) => handed.push(bytes))
    await store.settle(1)
    expect([calls, handed]).toEqual([1, [value]])
  })

  it('that a serde interrupts by throwing is undone by discard', async () => {
    const valueSerde: Serde<unknown> = {
      serialize: (_topic, value) => {
        if (value === 'bad') throw new Error('no bytes for this')
        return value as string
      },
      deserialize: textSerde.deserialize,
    }
    const { store, api, commit, committed } = await bench({ valueSerde, immutableValues: true })
    api.put('a', '1')
    await commit()
    api.put('a', '2')
    api.put('b', 'bad')
    api.put('c', '2')
    store.flush()
    expect(() => store.freeze(() => undefined)).toThrow('no bytes for this')
    store.discard()
    expect([...api.all()]).toEqual([['a', '1']])
    expect([store.dirtyBytes(), store.dirtyEntries()]).toEqual([0, 0])
    api.put('c', '3')
    expect(await commit()).toEqual(['c=3@0'])
    expect(await committed.scan()).toEqual([
      ['a', '1'],
      ['c', '3'],
    ])
  })

  it('throws when freeze, flush, settle and restore are called out of order', async () => {
    const { store, api, freeze } = await bench()
    await expect(store.settle(1)).rejects.toThrow(/without freeze/)
    api.put('a', '1')
    expect(freeze).toThrow(/without flush/)
    store.flush()
    await expect(store.restore([], 1)).rejects.toThrow(/uncommitted rows/)
    freeze()
    expect(freeze).toThrow(/still frozen/)
  })
})

/** A backend whose writes wait for permission. */
function gated(): { wrap: (backend: StoreBackend) => StoreBackend; open: (error?: Error) => void } {
  let decide: (error?: Error) => void = () => undefined
  return {
    open: (error) => decide(error),
    wrap: (backend) =>
      new Proxy(backend, {
        get(target, name) {
          const member = Reflect.get(target, name) as unknown
          if (typeof member !== 'function') return member
          if (name !== 'write') return member.bind(target) as unknown
          return async (...writing: unknown[]) => {
            const error = await new Promise<Error | undefined>((resolve) => {
              decide = resolve
            })
            if (error !== undefined) throw error
            await (member as (...args: unknown[]) => Promise<void>).apply(target, writing)
          }
        },
      }),
  }
}

describe('settle', () => {
  it('lets processing read and write while the backend writes', async () => {
    const gate = gated()
    const { store, api, budget, freeze, committed } = await bench({ wrap: gate.wrap, budget: new CacheBudget(0) })
    api.put('a', '1')
    api.put('b', '1')
    store.flush()
    freeze()
    expect(store.committed.get('a')).toBeNull()
    const settled = store.settle(2)
    // Its transaction has committed: queries see it, though no backend has it yet.
    expect(store.committed.get('a')).toBe('1')
    expect([...api.all()]).toEqual([
      ['a', '1'],
      ['b', '1'],
    ])
    api.put('a', '2')
    expect([api.get('a'), store.committed.get('a'), budget.used]).toEqual(['2', '1', 0])
    const scan = committed.scan()
    gate.open()
    await settled
    expect(await scan).toEqual([
      ['a', '1'],
      ['b', '1'],
    ])
    expect(api.get('a')).toBe('2')
  })

  it('is not undone by discard while it is in flight', async () => {
    const gate = gated()
    const { store, api, freeze } = await bench({ wrap: gate.wrap })
    api.put('a', '1')
    store.flush()
    freeze()
    const settled = store.settle(1)
    api.put('a', '2')
    api.put('b', '2')
    store.discard()
    expect([api.get('a'), api.get('b')]).toEqual(['1', null])
    gate.open()
    await settled
    expect([...api.all()]).toEqual([['a', '1']])
    expect(store.position()).toBe(1)
  })

  it('that fails leaves a store that takes no more commits', async () => {
    const gate = gated()
    const { store, api, freeze } = await bench({ wrap: gate.wrap })
    api.put('a', '1')
    store.flush()
    freeze()
    const settled = store.settle(1)
    gate.open(new Error('disk full'))
    await expect(settled).rejects.toThrow('disk full')
    store.discard()
    api.put('a', '2')
    store.flush()
    expect(freeze).toThrow(StoreClosedError)
    await store.close()
  })
})

describe('restore', () => {
  const record = (key: string, value: string | null) => ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: 1,
    headers: NO_HEADERS,
  })

  it('replaces what was cached, and the last record of a key wins', async () => {
    const { store, api, commit } = await bench()
    for (const key of ['a', 'b', 'c']) api.put(key, '1')
    await commit()
    expect([...api.all()]).toHaveLength(3)
    await store.restore([record('a', '2'), record('b', null), record('d', 'x'), record('d', '4'), record('a', '3')], 9)
    expect([...api.all()]).toEqual([
      ['a', '3'],
      ['c', '1'],
      ['d', '4'],
    ])
    expect([store.position(), store.committed.get('b'), store.committed.approximateEntries()]).toEqual([9, null, 3])
  })

  it('moves the position also without records', async () => {
    const { store } = await bench()
    await store.restore([], 5)
    expect(store.position()).toBe(5)
  })

  it('starts from nothing after wipe', async () => {
    const { store, api, commit, committed } = await bench()
    api.put('a', '1')
    await commit()
    api.put('b', '1')
    await store.wipe()
    expect([store.position(), api.get('a'), api.get('b'), await committed.scan()]).toEqual([null, null, null, []])
    await store.restore([record('c', '1')], 1)
    expect([...api.all()]).toEqual([['c', '1']])
  })
})

describe('the cache budget', () => {
  it('is shared, kept at every step, and returned at close', async () => {
    const budget = new CacheBudget(20_000)
    const [one, two] = [await bench({ budget }), await bench({ budget })]
    for (let index = 0; index < 300; index++) {
      one.api.put(`key-${index}`, 'x'.repeat(100))
      if (index % 10 === 0) await one.commit()
      expect(budget.used).toBeLessThanOrEqual(20_000)
    }
    await one.commit()
    const before = budget.used
    expect(before).toBeGreaterThan(15_000)
    for (let index = 0; index < 300; index++) two.api.get(`key-${index}`)
    expect(budget.used).toBeLessThanOrEqual(20_000)
    for (let index = 0; index < 300; index++) expect(one.api.get(`key-${index}`)).toBe('x'.repeat(100))
    await one.store.close()
    await two.store.close()
    expect(budget.used).toBe(0)
  })

  it('counts keys that came and went in one commit, which stay as absent', async () => {
    const { api, budget, commit } = await bench({ budget: new CacheBudget(20_000) })
    for (let index = 0; index < 300; index++) {
      expect(api.get(`key-${index}`)).toBeNull()
      api.put(`key-${index}`, '1')
      expect(api.get(`key-${index}`)).toBe('1')
      api.put(`key-${index}`, null)
    }
    await commit()
    expect(budget.used).toBeGreaterThan(15_000)
    expect(budget.used).toBeLessThanOrEqual(20_000)
  })

  it('is the same after a discarded epoch as before it', async () => {
    const { store, api, budget, commit, freeze } = await bench()
    for (const key of ['a', 'b', 'c']) api.put(key, '1')
    await commit()
    const before = budget.used
    for (const key of ['a', 'b', 'new']) api.put(key, '2')
    store.flush()
    freeze()
    for (const key of ['a', 'c', 'newer']) api.put(key, '3')
    store.discard()
    expect(budget.used).toBe(before)
    expect([...api.all()]).toEqual([
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
    ])
  })

  it('keeps rows that are read often, and evicts those read once', async () => {
    const budget = new CacheBudget(30_000)
    let reads = 0
    const counting = (backend: StoreBackend): StoreBackend =>
      new Proxy(backend, {
        get(target, name) {
          const member = Reflect.get(target, name) as unknown
          if (name === 'get') reads++
          return typeof member === 'function' ? (member.bind(target) as unknown) : member
        },
      })
    const { api, commit } = await bench({ budget, wrap: counting })
    for (let index = 0; index < 1000; index++) api.put(`key-${index}`, 'x'.repeat(50))
    await commit()
    const hot = Array.from({ length: 10 }, (_, index) => `key-${index}`)
    for (const key of hot) api.get(key)
    reads = 0
    for (let index = 100; index < 1000; index++) {
      api.get(`key-${index}`)
      for (const key of hot) api.get(key)
    }
    // 900 cold reads, each once; the ten hot keys were asked 9,000 times and read again a few times at most.
    expect(reads).toBeGreaterThanOrEqual(800)
    expect(reads).toBeLessThan(920)
    expect(api.get('key-500')).toBe('x'.repeat(50))
  })
})
