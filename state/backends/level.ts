/*
 * Owns: one LevelDB per store of a task (STATE_DIR/<application.id>/<task>/<store>).
 *
 * One database per store, not one per directory: atomicity is only needed per store, and so a corrupted or
 * wiped store is one directory, a task moves to another thread by close and open, and no compaction is shared.
 * Price: some ten file handles, two write buffers and a block cache each (buffer-sizes.ts).
 *
 * Keys are stored as UTF-8 of the binary string: order-preserving, and ASCII keys stay themselves. The meta row's
 * key holds a char above 255, so no binary string collides with it and it sorts behind all rows.
 *
 * Invariants
 * 1. Rows, position, note and entry count change in one LevelDB batch (architecture 1). Batches are not fsynced: a process that dies
 *    loses none, a machine that dies may lose any. Whoever owns the directory throws away what such a machine left (StateDirectory).
 * 2. The key index, when there, equals the keys on disk whenever no write is running.
 * 3. clear() and destroy() move the directory away before they delete it: a crash half way never leaves part of the rows.
 * 4. Damage is reported, never returned as data (StoreBackend): LevelDB compares no checksums of tables when it reads, and skips holes in its log. All
 *    files are checked before LevelDB opens them, and each row when it is read.
 */
import { ClassicLevel } from 'classic-level'
import { SortedKeys } from '../keys/sorted-keys.ts'
import type { BackendFactory, BackendOptions, BackendWrite, KeyRange, StoreBackend } from '../ports/backend.ts'
import { StoreClosedError, type StoreCorruptedError } from '../ports/errors.ts'
import { corrupted, explainError, type StoreFiles } from './backend-error.ts'
import { batchRows } from './batched-rows.ts'
import type { BufferSizes } from './buffer-sizes.ts'
import { checkStoreFiles } from './checked-files.ts'
import { checkLevelFiles, type LevelFilesOptions } from './level-files/check-files.ts'
import { noIndex } from './memory.ts'
import { openRow, ROW_CHECK_BYTES, sealRow } from './row-check.ts'
import { clearWiped, storeDirectory, wipe } from './store-directory.ts'
import { decodeMeta, encodeMeta, NO_META, type StoreMeta } from './store-meta.ts'

const META_KEY = '\u0100meta'
const ROWS_END = '\u0100'
const INDEX_LOAD_STEP = 5000

/** One store alone with these needs 10 MiB at most. */
const DEFAULT_SIZES: BufferSizes = { writeBufferBytes: 4 * 1024 * 1024, blockCacheBytes: 2 * 1024 * 1024 }

type Database = ClassicLevel<string, Buffer>

export interface LevelBackendsOptions {
  readonly sizes?: BufferSizes
  /**
   * Read all tables of a store when it is opened for the first time, to find damage. False: the caller needs its position only.
   */
  readonly checksTables?: boolean
}

/** `directory` is StateDirectory.path; may be used from several threads, each store from one at a time. */
export function levelBackends(directory: string, options: LevelBackendsOptions = {}): BackendFactory {
  const { sizes = DEFAULT_SIZES, checksTables = true } = options
  const pathOf = (taskId: string, storeName: string): string => storeDirectory(directory, taskId, storeName)
  const wholeTables = new Map<string, Set<string>>()
  return {
    open: (taskId, storeName, backendOptions) => {
      const path = pathOf(taskId, storeName)
      const known = wholeTables.get(path) ?? new Set()
      wholeTables.set(path, known)
      const files = { tables: checksTables, known }
      return LevelBackend.open({ path, taskId, storeName, files, ...sizes, ...backendOptions })
    },
    destroy: (taskId, storeName) => {
      const path = pathOf(taskId, storeName)
      wholeTables.delete(path)
      return wipe(path)
    },
  }
}

interface OpenOptions extends BufferSizes, BackendOptions, StoreFiles {
  readonly files: LevelFilesOptions
}

class LevelBackend implements StoreBackend {
  readonly #options: OpenOptions
  #db: Database
  #index: SortedKeys | null = null
  #meta: StoreMeta = NO_META
  /** Reason why the backend cannot be used any longer. */
  #unusable: Error | null = null

  static async open(options: OpenOptions): Promise<LevelBackend> {
    await clearWiped(options.path)
    // Invariant 4.
    const { path, files } = options
    await checkStoreFiles(
      options,
      () => checkLevelFiles(path, files),
      () => new ClassicLevel(path),
    )
    const backend = new LevelBackend(options)
    await backend.#start()
    return backend
  }

  private constructor(options: OpenOptions) {
    this.#options = options
    // The database begins to open at once.
    this.#db = this.#database()
  }

  get(key: string): Buffer | undefined {
    this.#check()
    // The index knows what is not there sooner than the files do.
    if (this.#index !== null && !this.#index.has(key)) return undefined
    let stored: Buffer | undefined
    try {
      stored = this.#db.getSync(key)
    } catch (error) {
      throw this.#explain(error, 'read')
    }
    return stored === undefined ? undefined : this.#checked(key, stored)
  }

  keys(range: KeyRange): Iterable<string> {
    this.#check()
    if (this.#index === null) throw noIndex(this.#options.storeName)
    return this.#index.iterate(range)
  }

  scan({ from, to, reverse, limit }: KeyRange): AsyncIterable<readonly [string, Buffer]> {
    this.#check()
    // The iterator holds LevelDB's snapshot from here on.
    return this.#checkedRows(
      this.#db.iterator({ gte: from ?? '', lt: to ?? ROWS_END, reverse: reverse === true, limit: limit ?? -1 }),
    )
  }

  async write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    this.#check()
    const known = await this.#existing(writes)
    this.#check()
    const batch = this.#db.batch()
    const entries =
      this.#meta.entries +
      batchRows(writes, {
        bytesBehindRow: ROW_CHECK_BYTES,
        put: (key, slab, start, end) => batch.put(key, sealRow(key, slab, start, end)),
        delete: (key) => batch.del(key),
        existed: ({ key, existed }) => existed ?? known(key),
      })
    const kept = note ?? this.#meta.note
    batch.put(META_KEY, encodeMeta(META_KEY, position, entries, kept))
    try {
      await batch.write()
    } catch (error) {
      this.#unusable = this.#explain(error, 'write')
      throw this.#unusable
    }
    this.#meta = { position, entries, note: kept }
    if (this.#index !== null) {
      for (const { key, row } of writes) {
        if (row === null) this.#index.delete(key)
        else this.#index.add(key)
      }
    }
  }

  position(): number | null {
    return this.#meta.position
  }

  note(): string | null {
    return this.#meta.note
  }

  approximateEntries(): number {
    return this.#meta.entries
  }

  async clear(): Promise<void> {
    this.#check()
    await this.#db.close()
    await wipe(this.#options.path)
    this.#db = this.#database()
    await this.#start()
  }

  async close(): Promise<void> {
    this.#unusable = new StoreClosedError(this.#options.storeName, 'is closed')
    await this.#db.close()
  }

  /** Finds out which keys have a row, where the caller does not know. A thread of the pool reads the keys of a whole batch. */
  async #existing(writes: readonly BackendWrite[]): Promise<(key: string) => boolean> {
    const index = this.#index
    if (index !== null) return (key) => index.has(key)
    const unknown = writes.filter(({ existed }) => existed === undefined).map(({ key }) => key)
    if (unknown.length === 0 || this.#meta.entries === 0) return () => false
    try {
      const answers = await this.#db.hasMany(unknown)
      const existing = new Set(unknown.filter((_key, i) => answers[i]))
      return (key) => existing.has(key)
    } catch (error) {
      this.#unusable = this.#explain(error, 'read')
      throw this.#unusable
    }
  }

  #database(): Database {
    return new ClassicLevel<string, Buffer>(this.#options.path, {
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
      cacheSize: this.#options.blockCacheBytes,
      writeBufferSize: this.#options.writeBufferBytes,
    })
  }

  #checked(key: string, stored: Buffer): Buffer {
    const row = openRow(key, stored)
    if (row === null) throw this.#corrupted(`has a row that fails its checksum: ${JSON.stringify(key)}`)
    return row
  }

  async *#checkedRows(
    rows: AsyncIterable<readonly [string, Buffer]>,
  ): AsyncGenerator<readonly [key: string, row: Buffer]> {
    try {
      for await (const [key, stored] of rows) yield [key, this.#checked(key, stored)]
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  async #start(): Promise<void> {
    try {
      await this.#db.open()
      const meta = this.#db.getSync(META_KEY)
      if (meta === undefined) await this.#expectEmpty()
      this.#meta = meta === undefined ? NO_META : decodeMeta(META_KEY, meta, this.#options)
      this.#index = this.#options.keyIndex ? await this.#loadIndex() : null
    } catch (error) {
      await this.#db.close().catch(() => {
        // The first error is the one that matters.
      })
      throw this.#explain(error, 'open')
    }
  }

  async #expectEmpty(): Promise<void> {
    const [first] = await this.#db.keys({ limit: 1 }).all()
    if (first !== undefined) throw this.#corrupted('has rows but no position')
  }

  async #loadIndex(): Promise<SortedKeys> {
    const keys: string[] = []
    const iterator = this.#db.keys({ lt: ROWS_END })
    try {
      for (;;) {
        const some = await iterator.nextv(INDEX_LOAD_STEP)
        if (some.length === 0) return SortedKeys.fromSorted(keys)
        for (const key of some) keys.push(key)
      }
    } finally {
      await iterator.close()
    }
  }

  #check(): void {
    if (this.#unusable !== null) throw this.#unusable
  }

  #explain(error: unknown, doing: 'open' | 'read' | 'write'): Error {
    // The next open checks all of it again.
    if (doing === 'read') this.#options.files.known.clear()
    return explainError(error, doing, this.#options)
  }

  #corrupted(what: string, cause?: unknown): StoreCorruptedError {
    return corrupted(what, this.#options, cause)
  }
}
