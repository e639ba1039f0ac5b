import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { CacheBudget } from '../../state/layers/cache-budget.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { Header } from '../../state/ports/headers.ts'
import type { FlushedChange, ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import type { ModelledKind, Moment } from './store-model.ts'

/** A step of the commit cycle, or an operation of the kind. */
type Step<Op> =
  | { readonly type: 'op'; readonly op: Op; readonly time: number; readonly header: string | null }
  | { readonly type: 'freeze' | 'settle' | 'settle-later' | 'discard' | 'flush' | 'reopen' | 'rebuild' | 'crash' }

export interface StoreBench {
  readonly backend: string
  readonly factory: BackendFactory
}

let tasks = 0

/**
 * One kind on one backend: random operations, commits, failures, reopenings and rebuilds. After each step the store
 * reads as the model of the same epoch, and queries as the model of the last committed one.
 */
export function storeConformance<Model, Op>(
  bench: StoreBench,
  kind: ModelledKind<Model, Op>,
  ops: fc.Arbitrary<Op>,
  runs: { readonly numRuns: number; readonly maxLength: number; readonly cacheSizes: readonly number[] },
): void {
  // A backend on disk waits for the disk most of the time: others run meanwhile.
  describe(`${kind.title} on ${bench.backend}`, { concurrent: bench.backend === 'level' }, () => {
    const cycle = fc.constantFrom('freeze', 'settle', 'settle-later', 'discard', 'flush', 'reopen', 'rebuild', 'crash')
    const step: fc.Arbitrary<Step<Op>> = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          type: fc.constant('op' as const),
          op: ops,
          time: fc.integer({ min: 0, max: 60 }),
          header: fc.option(fc.string({ maxLength: 3 })),
        }),
      },
      { weight: 2, arbitrary: cycle.map((type) => ({ type }) as Step<Op>) },
    )
    for (const cacheBytes of runs.cacheSizes) {
      it(`equals its model with a cache of ${cacheBytes} bytes`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: runs.maxLength, size: 'max' }), async (steps) => {
            const run = new Run(bench, kind, cacheBytes)
            await run.open()
            for (const each of steps) await run.take(each)
            await run.end()
          }),
          { numRuns: runs.numRuns, seed: 2026 },
        )
      })
    }
  })
}

class Run<Model, Op> {
  readonly #bench: StoreBench
  readonly #kind: ModelledKind<Model, Op>
  readonly #task = `1_${tasks++}`
  readonly #cacheBytes: number
  #store!: ManagedStore
  #live: Model
  #frozen: Model | null = null
  #committed: Model
  /** Changelog as committed so far, and of the frozen layer. */
  #log: RestoredRecord[] = []
  #frozenLog: RestoredRecord[] = []
  #settling: Promise<void> | null = null
  #moment: Moment = { streamTime: -1, recordTimestamp: -1, headers: [] }
  /** The calls of flush listeners: the last value of each key. */
  readonly #heard: Array<FlushedChange<unknown, unknown>> = []

  constructor(bench: StoreBench, kind: ModelledKind<Model, Op>, cacheBytes: number) {
    this.#bench = bench
    this.#kind = kind
    this.#cacheBytes = cacheBytes
    this.#live = kind.empty()
    this.#committed = kind.empty()
  }

  async open(): Promise<void> {
    const { spec } = this.#kind
    const backend = await this.#bench.factory.open(this.#task, spec.name, backendOptions(spec))
    const context = {
      streamTime: () => this.#moment.streamTime,
      recordTimestamp: () => this.#moment.recordTimestamp,
      recordHeaders: () => this.#moment.headers,
    }
    this.#store = createStore(spec, backend, context, { cache: new CacheBudget(this.#cacheBytes) })
    this.#store.onFlush((change) => this.#heard.push(change))
    expect(this.#store.position() ?? 0).toBe(this.#log.length)
  }

  async take(step: Step<Op>): Promise<void> {
    switch (step.type) {
      case 'op':
        this.#operate(step)
        break
      case 'freeze':
        await this.#settled()
        if (this.#frozen === null) this.#freeze()
        break
      case 'settle':
        await this.#settled()
        if (this.#frozen === null) this.#freeze()
        this.#startSettle()
        await this.#settled()
        break
      case 'settle-later':
        await this.#settled()
        if (this.#frozen === null) this.#freeze()
        this.#startSettle()
        break
      case 'discard':
        this.#store.discard()
        this.#forget()
        break
      case 'flush':
        this.#store.flush()
        break
      case 'reopen':
        await this.#settled()
        await this.#store.close()
        this.#forget()
        await this.open()
        break
      case 'rebuild':
        await this.#settled()
        await this.#store.close()
        await this.#bench.factory.destroy(this.#task, this.#kind.spec.name)
        this.#forget()
        await this.#restore()
        break
      case 'crash':
        // The commit is in the log, the process dies before settle(): the store is behind and catches up.
        await this.#settled()
        if (this.#frozen === null) this.#freeze()
        this.#log = this.#log.concat(this.#frozenLog)
        this.#committed = this.#frozen as Model
        await this.#store.close()
        this.#forget()
        await this.#catchUp()
        break
    }
    await this.#compare()
  }

  async end(): Promise<void> {
    await this.#settled()
    await this.#store.close()
    await this.#bench.factory.destroy(this.#task, this.#kind.spec.name)
  }

  #operate({ op, time, header }: { readonly op: Op; readonly time: number; readonly header: string | null }): void {
    const headers: Header[] = header === null ? [] : [{ key: 'h', value: Buffer.from(header) }]
    this.#moment = { streamTime: Math.max(this.#moment.streamTime, time), recordTimestamp: time, headers }
    const { actual, expected } = this.#kind.apply(this.#store, this.#live, op, this.#moment)
    expectEqual(actual, expected)
    // The headers of a record are views: the store must have its own copy.
    for (const each of headers) each.value?.fill('!')
  }

  #freeze(): void {
    this.#store.flush()
    this.#frozenLog = []
    this.#store.freeze((key, value, timestamp, headers) => {
      const bytes = value === null ? null : Buffer.from(value as string)
      this.#frozenLog.push({ key: Buffer.from(key, 'latin1'), value: bytes, timestamp, headers: [...headers] })
    })
    this.#frozen = structuredClone(this.#live)
  }

  #startSettle(): void {
    this.#log = this.#log.concat(this.#frozenLog)
    this.#committed = this.#frozen as Model
    this.#frozen = null
    this.#settling = this.#store.settle(this.#log.length)
  }

  async #settled(): Promise<void> {
    await this.#settling
    this.#settling = null
  }

  #forget(): void {
    this.#live = structuredClone(this.#committed)
    this.#frozen = null
  }

  async #restore(): Promise<void> {
    const position = this.#log.length
    const log = this.#log
    this.#log = []
    await this.open()
    this.#log = log
    const half = Math.floor(position / 2)
    await this.#store.restore(log.slice(0, half), half)
    await this.#store.restore(log.slice(half), position)
  }

  async #catchUp(): Promise<void> {
    const { spec } = this.#kind
    const log = this.#log
    const backend = await this.#bench.factory.open(this.#task, spec.name, backendOptions(spec))
    const behind = backend.position() ?? 0
    await backend.close()
    this.#log = log.slice(0, behind)
    await this.open()
    this.#log = log
    await this.#store.restore(log.slice(behind), log.length)
  }

  async #compare(): Promise<void> {
    const live = this.#kind.dump(this.#store, this.#live, this.#moment)
    expectEqual(live.actual, live.expected)
    // A scan waits for a settle in flight, so it is compared only when there is none: see `settle-later`.
    if (this.#settling !== null) return
    const committed = await this.#kind.committed(this.#store, this.#committed, this.#moment)
    expectEqual(committed.actual, committed.expected)
  }
}

/** `toEqual` takes ten times as long, and there are some hundred thousand comparisons: it only words the difference. */
function expectEqual(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}
