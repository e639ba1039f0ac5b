import type {
  InstanceState,
  QueryAnswer,
  ScanOptions,
  StreamsInstance,
  TaskStatus,
} from '../../runtime/ports/instance.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** The StreamsInstance port over plain maps of string keys, for tests of what stands on it. */
export class InMemoryInstance implements StreamsInstance {
  readonly stores = new Map<string, Map<string, unknown>>()
  current: InstanceState = 'RUNNING'
  taskList: TaskStatus[] = []
  families: MetricFamily[] = []
  lag = 0
  /** Thrown by every query while set. */
  failure: Error | null = null
  readonly scans: ScanOptions[] = []
  readonly stopped: Promise<Error | null>
  #stop!: (error: Error | null) => void

  constructor(stores: Readonly<Record<string, ReadonlyMap<string, unknown>>> = {}) {
    for (const [name, rows] of Object.entries(stores)) this.stores.set(name, new Map(rows))
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  state(): InstanceState {
    return this.current
  }

  async get(store: string, key: unknown): Promise<QueryAnswer<unknown>> {
    return { result: this.#rows(store).get(String(key)) ?? null, lag: this.lag }
  }

  async scan(store: string, options: ScanOptions): Promise<QueryAnswer<ReadonlyArray<readonly [unknown, unknown]>>> {
    this.scans.push(options)
    const { from, after, to, limit } = options
    const rows = [...this.#rows(store)]
      .sort(([a], [b]) => order(a, b))
      .filter(
        ([key]) =>
          (from === undefined || order(key, String(from)) >= 0) &&
          (after === undefined || order(key, String(after)) > 0) &&
          (to === undefined || order(key, String(to)) <= 0),
      )
    return { result: (options.reverse ? rows.reverse() : rows).slice(0, limit), lag: this.lag }
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    return this.taskList
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return this.families
  }

  async close(): Promise<void> {
    this.current = 'NOT_RUNNING'
    this.#stop(null)
  }

  #rows(name: string): Map<string, unknown> {
    if (this.failure !== null) throw this.failure
    const rows = this.stores.get(name)
    if (rows === undefined) throw new Error(`no store ${name}`)
    return rows
  }
}
