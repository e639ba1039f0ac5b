import { describe, expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { CacheBudget } from '../../state/layers/cache-budget.ts'
import type { KeyRange, StoreBackend } from '../../state/ports/backend.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import { type CommittedIndex, LATEST_TIMES, type StoreIndexSpec } from '../../state/ports/store-index.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { Random } from '../support/random.ts'
import { jsonSerde, textSerde } from './serdes.ts'

interface Person {
  readonly town: string
  readonly at: number
}

/** `town key` of every entry in order, and the greatest times. */
const everybody = (index: CommittedIndex): string[] => [
  ...[...index.entries('', 'zzzz')].map((entry) => `${entry.term} ${index.row(entry)?.key}`),
  `at ${index.latestTimes.join()} of ${index.size}`,
]

const index: StoreIndexSpec<string, Person> = {
  termOf: ({ town }) => town,
  stays: (before, after) => before.town === after.town,
  timeOf: ({ at }) => at,
  questions: {
    everybody,
    in: (found, params) => {
      const { from, to, ...page } = params as { from: string; to: string; after?: string; reverse?: boolean }
      return [...found.entries(from, to, page)].map(({ position }) => position.replace('\0', '/'))
    },
  },
}

const spec: KeyValueSpec = {
  kind: 'key-value',
  name: 'people',
  keySerde: textSerde,
  valueSerde: jsonSerde,
  logging: true,
  caching: false,
  timestamped: false,
  scan: false,
  index: index as StoreIndexSpec,
}

class Bench {
  readonly api: KeyValueStore<string, Person>
  readonly store: ManagedStore
  /** The committed rows. */
  readonly committed = new Map<string, Person>()
  #live = new Map<string, Person | null>()
  #frozen = new Map<string, Person | null>()
  #position = 0
  readonly #times = new Map<string, number>()

  constructor(backend: StoreBackend, cacheBytes = 1_000_000) {
    const context = { streamTime: () => 0, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
    this.store = createStore(spec, backend, context, { cache: new CacheBudget(cacheBytes) })
    this.api = this.store.api as KeyValueStore<string, Person>
  }

  put(key: string, person: Person | null): void {
    this.api.put(key, person)
    this.#live.set(key, person)
  }

  freeze(): void {
    this.store.freeze(() => this.#position++)
    this.#frozen = this.#live
    this.#live = new Map()
  }

  settle(): Promise<void> {
    this.#apply(this.#frozen)
    this.#frozen = new Map()
    return this.store.settle(this.#position)
  }

  async commit(): Promise<void> {
    this.freeze()
    await this.settle()
  }

  discard(): void {
    this.store.discard()
    this.#live = new Map()
    this.#frozen = new Map()
  }

  async restore(rows: ReadonlyMap<string, Person | null>): Promise<void> {
    const records = [...rows].map(([key, person]) => ({
      key: Buffer.from(key),
      value: person === null ? null : Buffer.from(JSON.stringify(person)),
      timestamp: 0,
      headers: NO_HEADERS,
    }))
    this.#position += records.length
    await this.store.restore(records, this.#position)
    this.#apply(rows)
  }

  ask(question: string, params?: unknown): Promise<unknown> {
    return this.store.committed.ask?.(question, params) ?? Promise.reject(new Error('no index'))
  }

  expected(): string[] {
    const rows = [...this.committed].map(([key, { town }]) => `${town} ${key}`)
    const latest = [...this.#times.values()].sort((a, b) => b - a).slice(0, LATEST_TIMES)
    return [...rows.sort(), `at ${latest.join()} of ${rows.length}`]
  }

  #apply(changes: ReadonlyMap<string, Person | null>): void {
    for (const [key, person] of changes) {
      if (person === null) this.committed.delete(key)
      else {
        this.committed.set(key, person)
        this.#times.set(key, Math.max(person.at, this.#times.get(key) ?? -1))
      }
    }
  }
}

const memory = (): Promise<StoreBackend> => memoryBackends().open('0_0', spec.name, backendOptions(spec))
const behind = (): Promise<StoreBackend> =>
  writeBehind(memoryBackends(), { maxCommits: 3 }).open('0_0', spec.name, backendOptions(spec))

describe.each([
  ['memory', memory],
  ['write-behind', behind],
])('secondary index over %s', (_name, open) => {
  it.each([1, 2])('holds the committed rows by term at every step, seed %i', async (seed) => {
    const random = new Random(seed)
    const towns = ['bern', 'basel', 'chur', 'b']
    const person = (at: number): Person | null => (random.chance(0.2) ? null : { town: random.pick(towns), at })
    // A small cache: what was committed before is not always known.
    const bench = new Bench(await open(), 2000)
    for (let i = 0; i < 30; i++) bench.put(`k${i}`, person(0))
    await bench.commit()
    let isFrozen = false
    let settles = 0
    for (let step = 1; step < 400; step++) {
      const what = random.next()
      if (what < 0.5) bench.put(`k${random.below(60)}`, person(step))
      else if (what < 0.65 && !isFrozen) {
        bench.freeze()
        isFrozen = true
      } else if (what < 0.8 && isFrozen) {
        isFrozen = false
        // Committed from the call on, before the backend has it.
        const settled = bench.settle()
        expect(await bench.ask('everybody')).toEqual(bench.expected())
        settles++
        await settled
      } else if (what < 0.85) {
        bench.discard()
        isFrozen = false
      } else if (what < 0.9 && !isFrozen) {
        bench.discard()
        await bench.restore(new Map([[`k${random.below(60)}`, person(step)]]))
      }
      expect(await bench.ask('everybody')).toEqual(bench.expected())
    }
    expect(settles).toBeGreaterThan(0)
    await bench.store.wipe()
    expect(await bench.ask('everybody')).toEqual(['at  of 0'])
    await bench.store.close()
  })

  it('begins with the rows of an earlier run', async () => {
    const bench = new Bench(await open())
    for (let i = 0; i < 2500; i++) bench.put(`k${i}`, { town: `t${i % 7}`, at: i })
    await bench.commit()
    expect(await bench.ask('everybody')).toEqual(bench.expected())
    await bench.store.close()
  })
})

it('a row committed while the index is built stays in its new place', async () => {
  const backend = await memory()
  let letGo: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const slow: StoreBackend = Object.assign(Object.create(backend) as StoreBackend, {
    get: (key: string) => backend.get(key),
    write: (...args: Parameters<StoreBackend['write']>) => backend.write(...args),
    note: () => backend.note(),
    position: () => backend.position(),
    async *scan(range: KeyRange) {
      const rows: (readonly [string, Buffer])[] = []
      for await (const row of backend.scan(range)) rows.push(row)
      await held
      yield* rows
    },
  })
  const bench = new Bench(slow)
  bench.put('ann', { town: 'bern', at: 1 })
  bench.put('bob', { town: 'bern', at: 2 })
  await bench.commit()
  const asked = bench.ask('everybody')
  bench.put('ann', { town: 'chur', at: 3 })
  bench.put('bob', null)
  await bench.commit()
  letGo()
  expect(await asked).toEqual(['chur ann', 'at 3 of 1'])
  expect(await bench.ask('everybody')).toEqual(['chur ann', 'at 3 of 1'])
})

it('index entries are read by a range of terms, and after a position', async () => {
  const bench = new Bench(await memory())
  for (const [key, town] of [
    ['x', 'ab'],
    ['y', 'ab'],
    ['x2', 'abc'],
    ['é', 'b'],
    ['z', 'a'],
  ] as const)
    bench.put(key, { town, at: 0 })
  await bench.commit()
  expect(await bench.ask('in', { from: 'ab', to: 'ab' })).toEqual(['ab/x', 'ab/y'])
  expect(await bench.ask('in', { from: 'ab', to: 'abc' })).toEqual(['ab/x', 'ab/y', 'abc/x2'])
  expect(await bench.ask('in', { from: 'a', to: 'b', after: 'ab\0x' })).toEqual(['ab/y', 'abc/x2', 'b/Ã©'])
  expect(await bench.ask('in', { from: 'b', to: 'b', after: 'a\0z' })).toEqual(['b/Ã©'])
  const reverse = true
  expect(await bench.ask('in', { from: 'ab', to: 'b', reverse })).toEqual(['b/Ã©', 'abc/x2', 'ab/y', 'ab/x'])
  expect(await bench.ask('in', { from: 'a', to: 'b', reverse, after: 'abc\0x2' })).toEqual(['ab/y', 'ab/x', 'a/z'])
  expect(await bench.ask('in', { from: 'a', to: 'ab', reverse, after: 'b\0z' })).toEqual(['ab/y', 'ab/x', 'a/z'])
})

it('an index that nobody asks for a while has the committed rows all the same, also when more have moved than it holds', async () => {
  const bench = new Bench(await memory(), 100_000_000)
  bench.put('first', { town: 'bern', at: 1 })
  await bench.commit()
  expect(await bench.ask('everybody')).toEqual(bench.expected())
  for (const [round, count] of [3000, 25_000, 3000].entries()) {
    for (let i = 0; i < count; i++) bench.put(`k${i}`, { town: `t${(i + round) % 7}`, at: i })
    await bench.commit()
    expect(await bench.ask('everybody')).toEqual(bench.expected())
  }
})

it('a question that waits while the index is forgotten is answered from the whole index', async () => {
  const bench = new Bench(await memory(), 100_000_000)
  bench.put('first', { town: 'bern', at: 1 })
  await bench.commit()
  expect(await bench.ask('everybody')).toEqual(bench.expected())
  for (let i = 0; i < 25_000; i++) bench.put(`k${i}`, { town: `t${i % 7}`, at: i })
  bench.freeze()
  const asked = bench.ask('everybody')
  // In this step so many rows move that the index is forgotten.
  await bench.settle()
  expect(await asked).toEqual(bench.expected())
})

it('an index leaves out rows without a term, and a store answers the questions of all its indexes', async () => {
  const outOfTown: StoreIndexSpec<string, Person> = {
    termOf: ({ town, at }) => (town === '' ? String(at) : null),
    stays: (before, after) => before.town === after.town && before.at === after.at,
    questions: { outside: (found) => [...found.entries('', '9')].map((entry) => found.row(entry)?.key) },
  }
  const backend = await memory()
  const context = { streamTime: () => 0, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
  const indexes = [index, outOfTown] as StoreIndexSpec[]
  const store = createStore({ ...spec, index: indexes }, backend, context, { cache: new CacheBudget(1000) })
  const api = store.api as KeyValueStore<string, Person>
  let position = 0
  const commit = async (rows: Record<string, Person>): Promise<unknown> => {
    for (const [key, person] of Object.entries(rows)) api.put(key, person)
    store.freeze(() => position++)
    await store.settle(position)
    return await store.committed.ask?.('outside', null)
  }
  expect(await commit({ ann: { town: 'bern', at: 5 }, bob: { town: '', at: 4 } })).toEqual(['bob'])
  expect(await commit({ ann: { town: '', at: 3 }, cid: { town: 'bern', at: 1 } })).toEqual(['ann', 'bob'])
  expect(await commit({ bob: { town: 'chur', at: 4 } })).toEqual(['ann'])
  expect(await store.committed.ask?.('everybody', null)).toEqual([' ann', 'bern cid', 'chur bob', 'at 4,3,1 of 3'])
})

it('an index refuses an unknown question, also one named like a property of every object', async () => {
  const bench = new Bench(await memory())
  await expect(bench.ask('nobody')).rejects.toThrow('answers no question "nobody"')
  await expect(bench.ask('toString')).rejects.toThrow('answers no question')
})

it('the next question repeats a build that failed', async () => {
  const backend = await memory()
  let fails = true
  const broken: StoreBackend = Object.assign(Object.create(backend) as StoreBackend, {
    get: (key: string) => backend.get(key),
    write: (...args: Parameters<StoreBackend['write']>) => backend.write(...args),
    note: () => backend.note(),
    position: () => backend.position(),
    scan(range: KeyRange) {
      if (fails) throw new Error('disk')
      return backend.scan(range)
    },
  })
  const bench = new Bench(broken)
  bench.put('ann', { town: 'bern', at: 1 })
  await bench.commit()
  await expect(bench.ask('everybody')).rejects.toThrow('disk')
  fails = false
  bench.put('ann', { town: 'chur', at: 2 })
  await bench.commit()
  expect(await bench.ask('everybody')).toEqual(['chur ann', 'at 2 of 1'])
})
