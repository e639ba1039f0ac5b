/*
 * Owns: one RocksDB per store of a task (STATE_DIR/<application.id>/<task>/<store>), by the binding @nxtedition/rocksdb, which is
 * installed by those who choose it.
 *
 * Its iterators are synchronous, so a store that is read by range keeps no keys in memory: that is what it is for.
 * Keys are stored as `r` and the UTF-8 of the binary string, because the binding aborts the process when a key is empty.
 *
 * Invariants
 * 1. Rows, position, note and entry count change in one batch. Batches are not fsynced (as those of LevelDB: see level.ts).
 * 2. Damage is reported, never returned as data: RocksDB compares the checksum of every block that it reads, and gives up the end of a
 *    log behind a record that is damaged.
 * 3. An iterator that is not used up is closed and detached: the database would keep it until it closes.
 */
import { mkdir } from 'node:fs/promises'
import { noRoomError } from '../no-room.ts'
import { optionalPackage } from '../optional-package.ts'
import type { BackendFactory, BackendOptions, BackendWrite, KeyRange, StoreBackend } from '../ports/backend.ts'
import { StateDirectoryError, StoreClosedError, StoreCorruptedError, StreamsError } from '../ports/errors.ts'
import type { BufferSizes } from './buffer-sizes.ts'
import { noIndex } from './memory.ts'
import { clearWiped, storeDirectory, wipe } from './store-directory.ts'
import { decodeMeta, encodeMeta, NO_META, STORE_FORMAT, type StoreMeta } from './store-meta.ts'

const META_KEY = 'm'
const ROW = 'r'
/** Behind all rows. */
const ROWS_END = 's'
/** Keys or rows that one call of the binding brings. */
const KEYS_AT_ONCE = 64
const ROWS_AT_ONCE = 1000
/** The binding makes write buffers of a quarter of the budget, and RocksDB holds up to six of them. */
const BUFFERS_PER_BUDGET = 6 / 4

const DEFAULT_SIZES: BufferSizes = { writeBufferBytes: 4 * 1024 * 1024, blockCacheBytes: 2 * 1024 * 1024 }

/** The part of the binding that is used. */
interface RocksPackage {
  readonly RocksLevel: new (path: string) => Database
}
interface Database {
  open(options: Readonly<Record<string, unknown>>): Promise<void>
  close(): Promise<void>
  detachResource(resource: object): void
  _getManySync(keys: readonly string[], options: { readonly valueEncoding: 'buffer' }): (Buffer | undefined)[]
  _iterator(options: Readonly<Record<string, unknown>>): DatabaseIterator
  _chainedBatch(): DatabaseBatch
}
/** Keys and values in turn. */
interface Found {
  readonly rows: unknown[]
  readonly finished: boolean
}
interface DatabaseIterator {
  _nextvSync(count: number): Found
  _nextvAsync(count: number, options: object, callback: (error: Error | null, found: Found) => void): void
  _closeSync(): void
}
interface DatabaseBatch {
  _put(key: string, value: Buffer): void
  _del(key: string): void
  _writeSync(options: object): void
  _closeSync(): void
}

export interface RocksdbBackendsOptions {
  readonly sizes?: BufferSizes
}

/**
 * `directory` is StateDirectory.path; may be used from several threads, each store from one at a time.
 * @throws MissingPackageError when @nxtedition/rocksdb is not installed
 */
export function rocksdbBackends(
  directory: string,
  { sizes = DEFAULT_SIZES }: RocksdbBackendsOptions = {},
): BackendFactory {
  const { RocksLevel } = optionalPackage<RocksPackage>('Stores of RocksDB', '@nxtedition/rocksdb')
  const newDatabase = (path: string): Database => new RocksLevel(path)
  return {
    open: (taskId, storeName, options) =>
      RocksdbBackend.open(storeDirectory(directory, taskId, storeName), {
        taskId,
        storeName,
        newDatabase,
        sizes,
        ...options,
      }),
    destroy: (taskId, storeName) => wipe(storeDirectory(directory, taskId, storeName)),
  }
}

interface OpenOptions extends BackendOptions {
  readonly taskId: string
  readonly storeName: string
  readonly newDatabase: (path: string) => Database
  readonly sizes: BufferSizes
}

class RocksdbBackend implements StoreBackend {
  readonly #path: string
  readonly #options: OpenOptions
  #db: Database
  #meta: StoreMeta = NO_META
  /** Reason why the backend cannot be used any longer. */
  #unusable: Error | null = null

  static async open(path: string, options: OpenOptions): Promise<RocksdbBackend> {
    await clearWiped(path)
    const backend = new RocksdbBackend(path, options)
    await backend.#start()
    return backend
  }

  private constructor(path: string, options: OpenOptions) {
    this.#path = path
    this.#options = options
    this.#db = options.newDatabase(path)
  }

  get(key: string): Buffer | undefined {
    this.#check()
    try {
      return this.#db._getManySync([ROW + key], { valueEncoding: 'buffer' })[0]
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  keys(range: KeyRange): Iterable<string> {
    this.#check()
    if (!this.#options.keyIndex) throw noIndex(this.#options.storeName)
    return this.#keys(range)
  }

  scan(range: KeyRange): AsyncIterable<readonly [key: string, row: Buffer]> {
    this.#check()
    // The iterator is a snapshot from here on.
    return this.#rows(this.#iterator(range, true))
  }

  async write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    this.#check()
    const batch = this.#db._chainedBatch()
    let { entries } = this.#meta
    let size = 0
    for (const { row } of writes) if (row !== null) size += row.length
    const slab = Buffer.allocUnsafeSlow(size)
    let at = 0
    for (const write of writes) {
      const { key, row } = write
      if (row === null) batch._del(ROW + key)
      else {
        const start = at
        at += row.copy(slab, at)
        batch._put(ROW + key, slab.subarray(start, at))
      }
      if ((row === null) === this.#existed(write)) entries += row === null ? -1 : 1
    }
    const kept = note ?? this.#meta.note
    batch._put(META_KEY, encodeMeta(META_KEY, position, entries, kept))
    try {
      batch._writeSync({})
    } catch (error) {
      this.#unusable = this.#explain(error, 'write')
      throw this.#unusable
    } finally {
      this.#done(batch)
    }
    this.#meta = { position, entries, note: kept }
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
    await wipe(this.#path)
    this.#db = this.#options.newDatabase(this.#path)
    await this.#start()
  }

  async close(): Promise<void> {
    this.#unusable = new StoreClosedError(this.#options.storeName, 'is closed')
    await this.#db.close()
  }

  #existed(write: BackendWrite): boolean {
    return write.existed ?? (this.#meta.entries > 0 && this.get(write.key) !== undefined)
  }

  async #start(): Promise<void> {
    const { writeBufferBytes, blockCacheBytes } = this.#options.sizes
    try {
      await mkdir(this.#path, { recursive: true })
      await this.#db.open({
        createIfMissing: true,
        compaction: 'level',
        // Two write buffers, as LevelDB has them.
        memtableMemoryBudget: Math.floor((2 * writeBufferBytes) / BUFFERS_PER_BUDGET),
        cacheSize: blockCacheBytes,
        parallelism: 1,
      })
      this.#meta = this.#readMeta()
    } catch (error) {
      await this.#db.close().catch(() => {
        // The first error is the one that matters.
      })
      throw this.#explain(error, 'open')
    }
  }

  #readMeta(): StoreMeta {
    const [stored] = this.#db._getManySync([META_KEY], { valueEncoding: 'buffer' })
    if (stored === undefined) {
      for (const key of this.#keys({})) throw this.#corrupted(`has rows (${JSON.stringify(key)}) but no position`)
      return NO_META
    }
    if (stored[0] !== STORE_FORMAT)
      throw this.#corrupted(`has store format ${stored[0]}, this version knows ${STORE_FORMAT}`)
    const meta = decodeMeta(META_KEY, stored)
    if (meta === null) throw this.#corrupted('has a position that fails its checksum')
    return meta
  }

  *#keys(range: KeyRange): Generator<string> {
    const iterator = this.#iterator(range, false)
    try {
      for (;;) {
        const { rows, finished } = this.#next(iterator)
        for (let i = 0; i < rows.length; i += 2) yield (rows[i] as string).slice(ROW.length)
        if (finished) return
      }
    } finally {
      this.#done(iterator)
    }
  }

  async *#rows(iterator: DatabaseIterator): AsyncGenerator<readonly [key: string, row: Buffer]> {
    try {
      for (;;) {
        const { rows, finished } = await this.#nextLater(iterator)
        for (let i = 0; i < rows.length; i += 2) yield [(rows[i] as string).slice(ROW.length), rows[i + 1] as Buffer]
        if (finished) return
      }
    } finally {
      this.#done(iterator)
    }
  }

  #iterator({ from, to, reverse, limit }: KeyRange, values: boolean): DatabaseIterator {
    return this.#db._iterator({
      gte: ROW + (from ?? ''),
      lt: to === undefined ? ROWS_END : ROW + to,
      reverse: reverse === true,
      limit: limit ?? -1,
      keys: true,
      values,
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
    })
  }

  #next(iterator: DatabaseIterator): Found {
    try {
      return iterator._nextvSync(KEYS_AT_ONCE)
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  async #nextLater(iterator: DatabaseIterator): Promise<Found> {
    // A database that is closed has closed its iterators.
    this.#check()
    try {
      return await new Promise((resolve, reject) => {
        iterator._nextvAsync(ROWS_AT_ONCE, {}, (error, found) => (error === null ? resolve(found) : reject(error)))
      })
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  /** Invariant 3. */
  #done(resource: DatabaseIterator | DatabaseBatch): void {
    resource._closeSync()
    this.#db.detachResource(resource)
  }

  #check(): void {
    if (this.#unusable !== null) throw this.#unusable
  }

  /** Converts RocksDB's error to one that says what the caller must do. */
  #explain(error: unknown, doing: 'open' | 'read' | 'write'): Error {
    if (error instanceof StreamsError) return error
    let detail = ''
    for (let at: unknown = error; at instanceof Error; at = at.cause) detail = at.message
    if (/lock/i.test(detail)) {
      return new StateDirectoryError(`${this.#path} is in use by another process or thread`, { cause: error })
    }
    if (/Corruption|No such file/.test(detail)) return this.#corrupted(`is damaged: ${detail}`, error)
    const noRoom = noRoomError(this.#path, error)
    if (noRoom !== null) return noRoom
    return doing === 'open'
      ? new StateDirectoryError(`cannot open ${this.#path}: ${detail}`, { cause: error })
      : new StoreClosedError(this.#options.storeName, `failed to ${doing}: ${detail}`, { cause: error })
  }

  #corrupted(what: string, cause?: unknown): StoreCorruptedError {
    const { taskId, storeName } = this.#options
    return new StoreCorruptedError(taskId, storeName, `${this.#path} ${what}`, { cause })
  }
}
