import { access, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogAdmin, LogReader, TopicPartition } from '../../../runtime/ports/log.ts'
import { parseTaskId } from '../../../runtime/task/task-id.ts'
import { ChosenBackends } from '../../../state/backends/chosen-backends.ts'
import { diskBackends } from '../../../state/backends/disk-backends.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../../state/create-store.ts'
import type { BackendFactory, StateBackend, StoreBackend } from '../../../state/ports/backend.ts'
import { StateDirectoryError, StoreCorruptedError } from '../../../state/ports/errors.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import type { ManagedStore, StoreContext } from '../../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import { StateDirectory } from '../../../state/state-directory.ts'
import type { Plan } from '../../../topology/plan.ts'
import { type Span, scanSpans } from '../topics/log-scan.ts'
import { compareRows } from './local-rows.ts'

/*
 * Compares the stores in a state directory with their changelogs.
 * 1. Nobody else may have the directory: its lock is held all the while, and the mark of its boot is left as it is.
 * 2. A store is compared with what restoring its changelog up to its position gives, row by row, as bytes: any kind of store of any
 *    topology. That copy stands beside the application's directory and is removed at the end.
 * 3. One store is open at a time, both sides are read in order: memory is bounded, whatever the store holds.
 */

export interface LocalDifference {
  readonly taskId: string
  readonly store: string
  /** The key as text; null: the store as a whole. */
  readonly key: string | null
  readonly kind: 'damaged' | 'beyond-changelog' | 'missing' | 'unexpected' | 'different'
  /** The changelog's row, and the store's row; null: no such row. */
  readonly expected: string | null
  readonly found: string | null
}

export interface LocalStoreReport {
  readonly taskId: string
  readonly store: string
  /** Next changelog offset of the store; null: it never had one. */
  readonly position: number | null
  readonly rows: number
  readonly differences: number
  /** Rows of which the changelog says no more: compacted since, or older than the store keeps. */
  readonly unjudged: number
}

export interface LocalReport {
  readonly stores: readonly LocalStoreReport[]
  readonly differences: readonly LocalDifference[]
  readonly total: number
}

export interface LocalStoresOptions {
  readonly plan: Plan
  readonly stateDir: string
  /** The backend of stores that choose none. Default `level`. */
  readonly stateBackend?: StateBackend
  readonly admin: LogAdmin
  readonly reader: () => LogReader
  /** Differences shown per store; 0 = all. */
  readonly limit: number
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

interface LocalStore {
  readonly taskId: string
  readonly spec: StoreSpec
  readonly changelog: TopicPartition
}

/** No record is processed here. */
const NO_RECORD: StoreContext = { streamTime: () => -1, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
const SOMETHING = Buffer.alloc(0)

/** @throws StateDirectoryError when there is no state, or an instance uses it; MissingTopicError, ReadStalledError */
export async function verifyLocalStores(options: LocalStoresOptions): Promise<LocalReport> {
  const { plan, stateDir } = options
  const { applicationId } = plan
  await access(join(stateDir, applicationId)).catch((cause: unknown) => {
    throw new StateDirectoryError(`${stateDir} holds no state of ${applicationId}`, { cause })
  })
  const directory = await StateDirectory.open({ stateDir, applicationId })
  const copies = join(stateDir, `${applicationId}.verify-local`)
  try {
    await rm(copies, { recursive: true, force: true })
    await mkdir(copies)
    return await new LocalVerification(options, directory, copies).run()
  } finally {
    await rm(copies, { recursive: true, force: true })
    await directory.close()
  }
}

class LocalVerification {
  readonly #options: LocalStoresOptions
  readonly #directory: StateDirectory
  readonly #local: ChosenBackends
  readonly #copies: BackendFactory
  readonly #stores: LocalStoreReport[] = []
  readonly #differences: LocalDifference[] = []

  constructor(options: LocalStoresOptions, directory: StateDirectory, copies: string) {
    this.#options = options
    this.#directory = directory
    this.#local = new ChosenBackends({
      directory: directory.path,
      byDefault: options.stateBackend ?? 'level',
      disk: (kind) => diskBackends(kind, directory.path),
      memory: memoryBackends,
    })
    this.#copies = diskBackends('level', copies)
  }

  async run(): Promise<LocalReport> {
    const stores = await this.#found()
    for (const [done, store] of stores.entries()) {
      this.#options.onProgress?.(done, stores.length)
      await this.#verify(store)
    }
    this.#options.onProgress?.(stores.length, stores.length)
    const total = this.#stores.reduce((sum, { differences }) => sum + differences, 0)
    return { stores: this.#stores, differences: this.#differences, total }
  }

  /** Stores of this topology that are on the disk and have a changelog. */
  async #found(): Promise<readonly LocalStore[]> {
    const found: LocalStore[] = []
    for (const taskId of await this.#directory.taskIds()) {
      const { subtopology, partition } = parseTaskId(taskId)
      for (const { spec, changelogTopic } of this.#options.plan.subtopologies.find(({ id }) => id === subtopology)
        ?.stores ?? []) {
        if (changelogTopic === null || !(await this.#isThere(taskId, spec))) continue
        found.push({ taskId, spec, changelog: { topic: changelogTopic, partition } })
      }
    }
    return found
  }

  /** Every backend keeps the files of a store there (OpenBackends). */
  async #isThere(taskId: string, { name, backend = this.#options.stateBackend }: StoreSpec): Promise<boolean> {
    if (backend === 'memory') return false
    return await access(join(this.#directory.path, taskId, name)).then(
      () => true,
      () => false,
    )
  }

  async #verify(store: LocalStore): Promise<void> {
    const { taskId, spec } = store
    let backend: StoreBackend | null = null
    try {
      backend = await this.#local.of(spec).open(taskId, spec.name, { keyIndex: false })
      await this.#compare(store, backend)
    } catch (error) {
      if (!(error instanceof StoreCorruptedError)) throw error
      this.#whole(store, backend?.position() ?? null, { kind: 'damaged', expected: null, found: error.message })
    } finally {
      await backend?.close()
    }
  }

  async #compare(store: LocalStore, backend: StoreBackend): Promise<void> {
    const { taskId, spec, changelog } = store
    const position = backend.position()
    const [end = 0] = await this.#options.admin.highWatermarks([changelog])
    const [begin = 0] = await this.#options.admin.earliestOffsets([changelog])
    if (position !== null && (position > end || position < begin)) {
      const expected = `${begin} to ${end}`
      this.#whole(store, position, { kind: 'beyond-changelog', expected, found: String(position) })
      return
    }
    const upTo = position ?? begin
    const before = await this.#copy(spec, { ...changelog, from: begin, to: upTo }, null)
    // Compaction may have removed the changelog's rows of these keys. A delete is not a row, so every key gets a value.
    const laterSpec = { ...spec, name: `${spec.name}.later` }
    const after = await this.#copy(laterSpec, { ...changelog, from: upTo, to: end }, SOMETHING)
    const limit = this.#options.limit
    let shown = 0
    try {
      const { rows, differences, unjudged } = await compareRows(
        { spec, local: backend, copy: before, later: after, isCut: begin > 0 },
        ({ key, kind, expected, found }) => {
          if (limit === 0 || shown++ < limit) {
            this.#differences.push({ taskId, store: spec.name, key, kind, expected, found })
          }
        },
      )
      this.#stores.push({ taskId, store: spec.name, position, rows, differences, unjudged })
    } finally {
      for (const copy of [before, after]) await copy.close()
      for (const name of [spec.name, `${spec.name}.later`]) await this.#copies.destroy('0_0', name)
    }
  }

  /** Restores these records, with that value in place of no value. */
  async #copy(spec: StoreSpec, span: Span, deleted: Buffer | null): Promise<StoreBackend> {
    const backend = await this.#copies.open('0_0', spec.name, backendOptions(spec))
    const store = createStore(spec, backend, NO_RECORD)
    await this.#restore(store, span, deleted)
    return backend
  }

  async #restore(store: ManagedStore, span: Span, deleted: Buffer | null): Promise<void> {
    const reader = this.#options.reader()
    try {
      for await (const { records, position } of scanSpans({ reader, spans: [span] })) {
        await store.restore(
          records.map(({ key, value, timestamp, headers }) => ({
            key: key ?? SOMETHING,
            value: value ?? deleted,
            timestamp,
            headers,
          })),
          position,
        )
      }
    } finally {
      await reader.close()
    }
  }

  #whole(
    { taskId, spec }: LocalStore,
    position: number | null,
    what: Pick<LocalDifference, 'kind' | 'expected' | 'found'>,
  ): void {
    this.#differences.push({ taskId, store: spec.name, key: null, ...what })
    this.#stores.push({ taskId, store: spec.name, position, rows: 0, differences: 1, unjudged: 0 })
  }
}
