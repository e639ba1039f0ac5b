import { deferred } from '../../state/deferred.ts'
import { groupedBy } from '../../state/grouped-by.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { RowsQuestion, StoredRow } from '../../state/ports/questions.ts'
import type { VersionedRecord, Windowed } from '../../state/ports/stores.ts'
import type { Plan } from '../../topology/plan.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  IndexQuery,
  KeyOptions,
  KeyPageOptions,
  KeyQueryMetadata,
  MinOffset,
  QueryAnswer,
  RowsAnswer,
  RowWatch,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
  StoreScan,
  WatchOptions,
  WatchPageOptions,
} from '../ports/instance.ts'
import type { LogAdmin } from '../ports/log.ts'
import { StandbyLag } from '../restore/standby-lag.ts'
import type { StoreDirectory, StorePlace } from '../restore/store-directory.ts'
import { InputLineage } from '../task/input-lineage.ts'
import { GLOBAL_TASK_ID } from '../task/task-id.ts'
import type {
  GotRow,
  InputOffset,
  ThreadAnswer,
  ThreadControl,
  ThreadPage,
  ThreadWatch,
} from '../thread/thread-control.ts'
import { pageOf } from './page-of.ts'
import {
  asOfQuestion,
  expectKind,
  LATEST,
  rangeQuestion,
  refuse,
  rowOf,
  rowQuestion,
  scanQuestion,
  sessionsQuestion,
  windowsQuestion,
} from './store-questions.ts'
import { mergeRows } from './store-reads.ts'
import { TaskAnswers } from './task-answers.ts'

export interface InstanceQueriesOptions {
  readonly plan: Plan
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly threads: readonly ThreadControl[]
  readonly directory: StoreDirectory
  /** Active task -> its thread. A new map after every move. */
  readonly owners: () => ReadonlyMap<string, ThreadControl>
  /** Standby task -> index of its thread. */
  readonly standby: () => ReadonlyMap<string, number>
}

interface OpenWatch {
  readonly taskId: string
  readonly owner: ThreadControl
  readonly end: () => void
}

type Partitioned = Pick<KeyOptions, 'partitioner'>

/*
 * Queries of one instance: what is asked in the types of a store goes to the threads as bytes, and comes back so. Owns the rows that
 * are watched.
 * 1. A query is answered by open tasks (or standbys, when it says so) only, and by all it needs: else StoreUnavailableError.
 * 2. A task that went elsewhere while it was asked has not answered: others may have written since. Watches of it end.
 * 3. Only what the serdes wrote crosses to a thread and back. Nothing that a user's code made does.
 */
export class InstanceQueries implements StoreQueries {
  readonly #options: InstanceQueriesOptions
  readonly #lineage: InputLineage
  readonly #answers: TaskAnswers
  readonly #watches = new Set<OpenWatch>()
  #isClosed = false

  constructor(options: InstanceQueriesOptions) {
    const { plan, admin, clock, threads, directory } = options
    this.#options = options
    const standbyLag = new StandbyLag({
      groupId: plan.applicationId,
      admin,
      sourcesOf: (taskId) => directory.sourcesOf(taskId),
      positions: async () => (await Promise.all(threads.map((thread) => thread.ask({ type: 'positions' })))).flat(),
    })
    this.#answers = new TaskAnswers({ ...options, standbyLag })
    const partitionsOf = (topic: string) => directory.partitionsOf(topic)
    this.#lineage = new InputLineage({ plan, admin, clock, partitionsOf })
  }

  /** Active tasks may have other threads, or none. */
  tasksMoved(): void {
    for (const watch of this.#watches) if (this.#ownerOf(watch.taskId) !== watch.owner) watch.end()
  }

  /** Ends all watches: the instance stops. */
  close(): void {
    this.#isClosed = true
    for (const watch of this.#watches) watch.end()
  }

  /** Ends the watches of that thread, because nothing follows those rows now. */
  threadReplaced(thread: ThreadControl): void {
    for (const watch of this.#watches) if (watch.owner === thread) watch.end()
  }

  async watch(
    store: string,
    key: unknown,
    onChange: (row: QueryAnswer<string | null>) => void,
    options: WatchOptions = {},
  ): Promise<RowWatch> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    expectKind(place.codec.spec, ['key-value', 'versioned'], 'watch()')
    const read = { store, key: place.codec.encodeKey(key), isPlain: options.isPlain === true }
    return await this.#watch(place, { taskId: this.#taskOf(place, key, options), ...read }, onChange)
  }

  async watchPage(
    store: string,
    key: unknown,
    onChange: (page: QueryAnswer<string | null>) => void,
    { from, to, earliestEnd, latestStart, ...options }: WatchPageOptions = {},
  ): Promise<RowWatch> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const asked = 'watchPage()'
    expectKind(place.codec.spec, ['window', 'session'], asked)
    const isWindows = place.codec.spec.kind === 'window'
    const given = isWindows ? { earliestEnd, latestStart } : { from, to }
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) throw refuse(place.codec.spec, `${asked} with ${name}`)
    }
    const wanted = aKey(place, key)
    const question = isWindows
      ? windowsQuestion(place.codec, { key: wanted, from: from ?? 0, to: to ?? LATEST }, options, asked)
      : sessionsQuestion(
          place.codec,
          {
            key: wanted,
            ...(earliestEnd !== undefined && { earliestEnd }),
            ...(latestStart !== undefined && { latestStart }),
          },
          options,
          asked,
        )
    const read = { store, question, limit: options.limit }
    return await this.#watch(place, { taskId: this.#taskOf(place, key, options), ...read }, onChange)
  }

  async #watch(
    place: StorePlace,
    read: ThreadWatch | ThreadPage,
    onChange: (answer: QueryAnswer<string | null>) => void,
  ): Promise<RowWatch> {
    const { taskId } = read
    const owner = this.#ownerOf(taskId)
    const row = await owner?.watch(read, onChange)
    if (row == null || owner === undefined || this.#ownerOf(taskId) !== owner) {
      row?.remove()
      throw this.#answers.unavailable(place, [taskId])
    }
    const { promise: ended, resolve } = deferred<void>()
    const end = (): void => {
      if (!this.#watches.delete(watch)) return
      row.remove()
      resolve()
    }
    const watch: OpenWatch = { taskId, owner, end }
    this.#watches.add(watch)
    return { first: row.first, ended, close: end }
  }

  /** Every thread has all of the global stores: the first one is asked, because it is never removed. */
  #ownerOf(taskId: string): ThreadControl | undefined {
    if (this.#isClosed) return undefined
    return taskId === GLOBAL_TASK_ID ? this.#options.threads[0] : this.#options.owners().get(taskId)
  }

  async get<V>(store: string, key: unknown, options: KeyOptions = {}): Promise<QueryAnswer<V | null>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const { codec } = place
    if (codec.spec.kind !== 'key-value') {
      const { rows, lag } = await this.#rowsOfKey(place, key, rowQuestion(codec, key), options)
      const row = rowOf(rows, key)
      return { result: row === undefined ? null : (codec.stored(row) as V), lag }
    }
    const { result, lag } = await this.#get(place, key, options, false)
    if (result === null) return { result, lag }
    const row = result as StoredRow
    await codec.prepareRows([row])
    return { result: codec.stored(row) as V, lag }
  }

  async getJson(store: string, key: unknown, options: KeyOptions = {}): Promise<QueryAnswer<string | null>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    expectKind(place.codec.spec, ['key-value', 'versioned'], 'getJson()')
    return (await this.#get(place, key, options, true)) as QueryAnswer<string | null>
  }

  async range<K, V>(
    store: string,
    from: K | null,
    to: K | null,
    options: StorePageOptions = {},
  ): Promise<RowsAnswer<readonly [K, V]>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const question = rangeQuestion(place.codec, { from, to, ...options }, 'range()')
    return await this.#rowsOfStore(place, question, options, (row) => entry<K, V>(place, row))
  }

  async scan<K, V>(store: string, options: StoreScan = {}): Promise<RowsAnswer<readonly [K, V]>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const question = scanQuestion(place.codec, options)
    return await this.#rowsOfStore(place, question, options, (row) => entry<K, V>(place, row))
  }

  async fetch<V>(
    store: string,
    key: unknown,
    from: number,
    to: number,
    options: KeyPageOptions = {},
  ): Promise<RowsAnswer<readonly [number, V]>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const question = windowsQuestion(place.codec, { key: aKey(place, key), from, to }, options, 'fetch()')
    return await this.#pageOfKey(place, key, question, options, (row) => [
      row.window?.start ?? 0,
      place.codec.stored(row) as V,
    ])
  }

  async fetchAll<K, V>(
    store: string,
    from: number,
    to: number,
    options: StorePageOptions = {},
  ): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const question = windowsQuestion(place.codec, { key: null, from, to }, options, 'fetchAll()')
    return await this.#rowsOfStore(place, question, options, (row) => entry<Windowed<K>, V>(place, row))
  }

  async sessions<K, V>(
    store: string,
    key: K,
    { earliestEnd, latestStart, ...options }: SessionOptions = {},
  ): Promise<RowsAnswer<readonly [Windowed<K>, V]>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const wanted = {
      key: aKey(place, key),
      ...(earliestEnd !== undefined && { earliestEnd }),
      ...(latestStart !== undefined && { latestStart }),
    }
    const question = sessionsQuestion(place.codec, wanted, options, 'sessions()')
    return await this.#pageOfKey(place, key, question, options, (row) => entry<Windowed<K>, V>(place, row))
  }

  async asOf<V>(
    store: string,
    key: unknown,
    time: number,
    options: KeyOptions = {},
  ): Promise<QueryAnswer<VersionedRecord<V> | null>> {
    const place = this.#place(store)
    if (!place.codec.writesKeys) await place.codec.prepareKeys()
    const { rows, lag } = await this.#rowsOfKey(place, key, asOfQuestion(place.codec, key, time), options)
    const [row] = rows
    return { result: row === undefined ? null : (place.codec.stored(row) as VersionedRecord<V>), lag }
  }

  async ask(store: string, { question, params, ...options }: IndexQuery): Promise<QueryAnswer<readonly unknown[]>> {
    const place = this.#place(store)
    const { answers } = await this.#answers.ofStore(place, { type: 'index', question, params }, options)
    return { result: answers.flatMap(({ result }) => result.data), lag: lagOf(answers) }
  }

  async #get(place: StorePlace, key: unknown, options: KeyOptions, asJson: boolean): Promise<QueryAnswer<GotRow>> {
    const taskId = this.#taskOf(place, key, options)
    const read = { taskId, store: place.codec.spec.name, key: place.codec.encodeKey(key), asJson }
    return await this.#answers.get(place, read, options.allowStale === true)
  }

  /** Sends a question to the one task that has the key. */
  async #rowsOfKey(
    place: StorePlace,
    key: unknown,
    question: RowsQuestion,
    { partitioner, allowStale = false }: KeyOptions,
  ): Promise<{ readonly rows: readonly StoredRow[]; readonly lag: number; readonly partitions: readonly number[] }> {
    const partitions = [this.#options.directory.partitionOf(place, key, partitioner)]
    const { answers } = await this.#answers.ofStore(place, question, { partitions, allowStale })
    const rows = answers.flatMap(({ result }) => result.rows)
    await place.codec.prepareRows(rows)
    return { rows, lag: lagOf(answers), partitions }
  }

  async #pageOfKey<R>(
    place: StorePlace,
    key: unknown,
    question: RowsQuestion,
    options: KeyPageOptions,
    row: (row: StoredRow) => R,
  ): Promise<RowsAnswer<R>> {
    const { rows, lag, partitions } = await this.#rowsOfKey(place, key, question, options)
    return { ...pageOf(place.codec, rows, options, row), lag, partitions }
  }

  async #rowsOfStore<R>(
    place: StorePlace,
    question: RowsQuestion,
    options: StorePageOptions,
    row: (row: StoredRow) => R,
  ): Promise<RowsAnswer<R>> {
    const { answers, partitions } = await this.#answers.ofStore(place, question, options)
    const rows = mergeRows(
      answers.map(({ result }) => result.rows),
      question,
    )
    await place.codec.prepareRows(rows)
    return { ...pageOf(place.codec, rows, options, row), lag: lagOf(answers), partitions }
  }

  #place(store: string): StorePlace {
    return this.#options.directory.place(store)
  }

  #taskOf(place: StorePlace, key: unknown, { partitioner }: Partitioned): string {
    return place.tasks[this.#options.directory.partitionOf(place, key, partitioner)] as string
  }

  async sourceOffsets(
    store: string,
    offsets: readonly MinOffset[],
    timeoutMs: number,
  ): Promise<readonly MinOffset[] | null> {
    const { subtopology } = this.#place(store)
    // Every process reads a global store by itself, independent of commits.
    if (subtopology === null) throw new RangeError(`${store} is a global store, which follows no input offsets`)
    return await this.#lineage.sourceOffsets(subtopology, offsets, this.#options.clock.monotonic() + timeoutMs)
  }

  async passed(
    store: string,
    offsets: readonly MinOffset[],
    { partitions, timeoutMs }: { readonly partitions: readonly number[]; readonly timeoutMs: number },
  ): Promise<boolean> {
    const { tasks } = this.#place(store)
    const input = partitions.flatMap((index) => {
      const taskId = tasks[index] ?? ''
      const sources = this.#options.directory.sourcesOf(taskId)
      const isRead = ({ topic, partition }: MinOffset): boolean =>
        sources.some((source) => source.topic === topic && source.partition === partition)
      return offsets.filter(isRead).map((offset): InputOffset => ({ ...offset, taskId }))
    })
    const waits = [...groupedBy(input, ({ taskId }) => this.#options.owners().get(taskId))].map(([owner, own]) =>
      owner === undefined ? false : owner.ask({ type: 'passed', input: own, timeoutMs }),
    )
    return (await Promise.all(waits)).every((isPassed) => isPassed)
  }

  queryMetadataForKey(store: string, key: unknown, { partitioner }: Partitioned = {}): KeyQueryMetadata {
    const place = this.#place(store)
    return this.#options.directory.metadata(place, this.#options.directory.partitionOf(place, key, partitioner))
  }

  streamsMetadataForStore(store: string): readonly KeyQueryMetadata[] {
    const place = this.#place(store)
    return place.tasks.map((_, partition) => this.#options.directory.metadata(place, partition))
  }
}

function entry<K, V>({ codec }: StorePlace, row: StoredRow): readonly [K, V] {
  return [codec.key(row) as K, codec.stored(row) as V]
}

/** null would mean all keys. */
function aKey({ codec }: StorePlace, key: unknown): unknown {
  if (key === null || key === undefined) throw new StreamsConfigError(`store ${codec.spec.name}: a key is missing`)
  return key
}

function lagOf(answers: ReadonlyArray<Pick<ThreadAnswer<unknown>, 'lag'>>): number {
  return answers.reduce((sum, { lag }) => sum + lag, 0)
}
