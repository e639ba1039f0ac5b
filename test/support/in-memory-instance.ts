import {
  type BrokerReach,
  type IndexQuery,
  type InstanceState,
  type KeyQueryMetadata,
  type MinOffset,
  type QueryAnswer,
  type ReadOptions,
  type RowsAnswer,
  type RowWatch,
  type StorePageOptions,
  type StoreScan,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskStatus,
} from '../../runtime/ports/instance.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import { partitionForKey } from '../../runtime/task/partitioner.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { Plan } from '../../topology/plan.ts'

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const noSuchQuestion = async (): Promise<never> => {
  throw new StreamsConfigError('maps answer no such question')
}

/** The StreamsInstance port over plain maps of string keys, for tests of what stands on it. */
export class InMemoryInstance implements StreamsInstance {
  readonly stores = new Map<string, Map<string, unknown>>()
  current: InstanceState = 'RUNNING'
  taskList: TaskStatus[] = []
  families: MetricFamily[] = []
  lag = 0
  topology: Plan | null = null
  /** The owner of each partition of every store: by default this one has the only one. */
  places: readonly KeyQueryMetadata[] = [
    { partition: 0, active: { processId: 'this', endpoint: null, isLocal: true }, standbys: [] },
  ]
  /** Thrown by every query while set. */
  failure: Error | null = null
  readonly scans: StoreScan[] = []
  readonly stopped: Promise<Error | null>
  #stop!: (error: Error | null) => void

  constructor(stores: Readonly<Record<string, ReadonlyMap<string, unknown>>> = {}) {
    for (const [name, rows] of Object.entries(stores)) this.stores.set(name, new Map(rows))
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  plan(): Plan | null {
    return this.topology
  }

  state(): InstanceState {
    return this.current
  }

  async pause(): Promise<void> {}
  async resume(): Promise<void> {}
  isPaused(): boolean {
    return false
  }

  async get<V>(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<V | null>> {
    this.#check(store, [this.queryMetadataForKey(store, key).partition], options)
    return { result: (this.#rows(store).get(String(key)) ?? null) as V | null, lag: this.lag }
  }

  range<K, V>(
    store: string,
    from: K | null,
    to: K | null,
    options: StorePageOptions = {},
  ): Promise<RowsAnswer<readonly [K, V]>> {
    return this.scan<K, V>(store, { from: from ?? undefined, to: to ?? undefined, ...options })
  }

  /** Queries that only window, session and versioned stores answer. */
  readonly fetch = noSuchQuestion
  readonly fetchAll = noSuchQuestion
  readonly sessions = noSuchQuestion
  readonly asOf = noSuchQuestion
  readonly watchPage = noSuchQuestion

  async getJson(store: string, key: unknown, options: ReadOptions = {}): Promise<QueryAnswer<string | null>> {
    const { result, lag } = await this.get(store, key, options)
    return { result: result === null ? null : JSON.stringify(result), lag }
  }

  /** Offsets that committed rows show, by `topic:partition`; others are never reached. */
  readonly shown = new Map<string, number>()

  async sourceOffsets(_store: string, offsets: readonly MinOffset[]): Promise<readonly MinOffset[] | null> {
    for (const { topic } of offsets) if (topic === 'unknown') throw new RangeError(`${topic} is no input of this store`)
    return offsets
  }

  async passed(_store: string, offsets: readonly MinOffset[]): Promise<boolean> {
    return offsets.every(({ topic, partition, offset }) => (this.shown.get(`${topic}:${partition}`) ?? 0) > offset)
  }

  readonly #watchers = new Map<string, Set<(row: QueryAnswer<string | null>) => void>>()
  readonly #ends = new Set<() => void>()

  async watch(store: string, key: unknown, onChange: (row: QueryAnswer<string | null>) => void): Promise<RowWatch> {
    const first = await this.getJson(store, key)
    const name = `${store} ${key}`
    const listeners = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, listeners.add(onChange))
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    this.#ends.add(resolve)
    return { first, ended, close: () => listeners.delete(onChange) }
  }

  /** How many watch the row. */
  watchers(store: string, key: string): number {
    return this.#watchers.get(`${store} ${key}`)?.size ?? 0
  }

  /** Changes a row as a commit does. */
  async put(store: string, key: string, value: unknown): Promise<void> {
    this.stores.get(store)?.set(key, value)
    const row = await this.getJson(store, key)
    for (const listener of this.#watchers.get(`${store} ${key}`) ?? []) listener(row)
  }

  /** Ends all watches as a rebalance does. */
  endWatches(): void {
    for (const end of this.#ends) end()
  }

  queryMetadataForKey(_store: string, key: unknown): KeyQueryMetadata {
    return this.places[partitionForKey(String(key), this.places.length)] as KeyQueryMetadata
  }

  streamsMetadataForStore(): readonly KeyQueryMetadata[] {
    return this.places
  }

  async scan<K, V>(store: string, options: StoreScan = {}): Promise<RowsAnswer<readonly [K, V]>> {
    this.scans.push(options)
    const {
      from,
      after,
      to,
      limit = Number.POSITIVE_INFINITY,
      partitions = this.places.map(({ partition }) => partition),
    } = options
    this.#check(store, partitions, options)
    const rows = [...this.#rows(store)]
      .sort(([a], [b]) => order(a, b))
      .filter(
        ([key]) =>
          partitions.includes(this.queryMetadataForKey(store, key).partition) &&
          (from === undefined || order(key, String(from)) >= 0) &&
          (after === undefined || order(key, String(after)) > 0) &&
          (to === undefined || order(key, String(to)) <= 0),
      )
    const result = (options.reverse ? rows.reverse() : rows).slice(0, limit) as unknown as Array<readonly [K, V]>
    return { result, lag: this.lag, nextCursor: null, partitions, positions: result.map(([key]) => String(key)) }
  }

  /** Answers of ask(), by question. */
  readonly questions = new Map<string, (params: unknown, partition: number) => unknown>()

  async ask(store: string, query: IndexQuery): Promise<QueryAnswer<readonly unknown[]>> {
    if (this.failure !== null) throw this.failure
    const { question, params, partitions = this.places.map(({ partition }) => partition) } = query
    this.#check(store, partitions, query)
    const answer = this.questions.get(question)
    return { result: await Promise.all(partitions.map((partition) => answer?.(params, partition))), lag: this.lag }
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    return this.taskList
  }

  brokers(): BrokerReach {
    return { known: [], silent: [] }
  }

  threads(): number {
    return 1
  }

  async addStreamThread(): Promise<null> {
    return null
  }

  async removeStreamThread(): Promise<null> {
    return null
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return this.families
  }

  async close(): Promise<void> {
    this.current = 'NOT_RUNNING'
    this.#stop(null)
  }

  /** Refuses what is elsewhere, as a real instance does. */
  #check(store: string, partitions: readonly number[], { allowStale = false }: ReadOptions): void {
    for (const partition of partitions) {
      const { active, standbys } = this.places[partition] ?? { active: null, standbys: [] }
      if (active?.isLocal === true || (allowStale && standbys.some(({ isLocal }) => isLocal))) continue
      throw new StoreUnavailableError(`store ${store} is not ready: ${partition} elsewhere`)
    }
  }

  #rows(name: string): Map<string, unknown> {
    if (this.failure !== null) throw this.failure
    const rows = this.stores.get(name)
    if (rows === undefined) throw new Error(`no store ${name}`)
    return rows
  }
}
