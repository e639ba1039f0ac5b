/*
 * Owns: one RocksDB per store of a task (STATE_DIR/<application.id>/<task>/<store>), by the binding @nxtedition/rocksdb, which is
 * installed by those who choose it.
 *
 * Its iterators are synchronous, so a store that is read by range keeps no keys in memory: that is what it is for.
 * Keys are stored as `r` and the UTF-8 of the binary string, because the binding aborts the process when a key is empty.
 *
 * Invariants
 * 1. Rows, position, note and entry count change in one batch. Batches are not fsynced (as those of LevelDB: see level.ts).
 * 2. Damage is reported, never returned as data: RocksDB compares the checksum of every block that it reads. It does not see what is missing
 *    as a whole: manifest and logs are checked before it opens them.
 * 3. An iterator that is not used up is closed and detached: the database would keep it, and the files it reads, until it closes.
 * 4. The database closes when no thread of the pool reads in it any more. From then on nobody calls it: the binding would end the process.
 */
import { optionalPackage } from '../optional-package.ts'
import type { BackendFactory, BackendOptions, BackendWrite, KeyRange, StoreBackend } from '../ports/backend.ts'
import { StoreClosedError } from '../ports/errors.ts'
import { corrupted, explainError, type StoreFiles } from './backend-error.ts'
import { batchRows } from './batched-rows.ts'
import type { BufferSizes } from './buffer-sizes.ts'
import { checkStoreFiles } from './checked-files.ts'
import { noIndex } from './memory.ts'
import { checkRocksdbFiles } from './rocksdb-files/check-files.ts'
import { clearWiped, storeDirectory, wipe } from './store-directory.ts'
import { decodeMeta, encodeMeta, NO_META, type StoreMeta } from './store-meta.ts'

/** No row's key holds a char above 255, so neither a row here nor one that LevelDB left has this key. */
const META_KEY = '\u0100rocksdb'
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
      RocksdbBackend.open({
        path: storeDirectory(directory, taskId, storeName),
        taskId,
        storeName,
        newDatabase,
        sizes,
        ...options,
      }),
    destroy: (taskId, storeName) => wipe(storeDirectory(directory, taskId, storeName)),
  }
}

interface OpenOptions extends BackendOptions, StoreFiles {
  readonly newDatabase: (path: string) => Database
  readonly sizes: BufferSizes
}

class RocksdbBackend implements StoreBackend {
  readonly #options: OpenOptions
  #db: Database
  #meta: StoreMeta = NO_META
  /** Reason why the backend cannot be used now, or any longer. */
  #unusable: Error | null = null
  /** Reads in threads of the pool. */
  readonly #reads = new Set<Promise<Found>>()

  static async open(options: OpenOptions): Promise<RocksdbBackend> {
    await clearWiped(options.path)
    // Invariant 2.
    const { path, newDatabase } = options
    await checkStoreFiles(
      options,
      () => checkRocksdbFiles(path),
      () => newDatabase(path),
    )
    const backend = new RocksdbBackend(options)
    await backend.#start()
    return backend
  }

  private constructor(options: OpenOptions) {
    this.#options = options
    this.#db = options.newDatabase(options.path)
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
    const kept = note ?? this.#meta.note
    let { entries } = this.#meta
    const batch = this.#db._chainedBatch()
    try {
      entries += batchRows(writes, {
        bytesBehindRow: 0,
        put: (key, slab, start, end) => batch._put(ROW + key, slab.subarray(start, end)),
        delete: (key) => batch._del(ROW + key),
        existed: (write) => this.#existed(write),
      })
      batch._put(META_KEY, encodeMeta(META_KEY, position, entries, kept))
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
    await this.#end('is being cleared')
    const { path, newDatabase } = this.#options
    await wipe(path)
    this.#db = newDatabase(path)
    await this.#start()
    this.#unusable = null
  }

  close(): Promise<void> {
    return this.#end('is closed')
  }

  /** Invariant 4. */
  async #end(why: string): Promise<void> {
    this.#unusable = new StoreClosedError(this.#options.storeName, why)
    await Promise.allSettled(this.#reads)
    await this.#db.close()
  }

  #existed(write: BackendWrite): boolean {
    return write.existed ?? (this.#meta.entries > 0 && this.get(write.key) !== undefined)
  }

  /** Call it in the step that has made the database: in the next one that opens by itself, with options of its own. */
  async #start(): Promise<void> {
    const { writeBufferBytes, blockCacheBytes } = this.#options.sizes
    try {
      await this.#db.open({
        createIfMissing: true,
        compaction: 'level',
        // Two write buffers, as LevelDB has them.
        memtableMemoryBudget: Math.floor((2 * writeBufferBytes) / BUFFERS_PER_BUDGET),
        cacheSize: blockCacheBytes,
        parallelism: 1,
        // checkRocksdbFiles() reads the logs.
        walCompression: false,
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
      if (!this.#isEmpty()) throw corrupted('has rows but no position', this.#options)
      return NO_META
    }
    return decodeMeta(META_KEY, stored, this.#options)
  }

  #isEmpty(): boolean {
    const any = this.#db._iterator({ keys: true, values: false, keyEncoding: 'utf8', limit: 1, reverse: false })
    try {
      return any._nextvSync(1).rows.length === 0
    } finally {
      this.#done(any)
    }
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
    this.#check()
    try {
      return iterator._nextvSync(KEYS_AT_ONCE)
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  async #nextLater(iterator: DatabaseIterator): Promise<Found> {
    this.#check()
    const read = new Promise<Found>((resolve, reject) => {
      iterator._nextvAsync(ROWS_AT_ONCE, {}, (error, found) => (error ? reject(error) : resolve(found)))
    })
    this.#reads.add(read)
    try {
      return await read
    } catch (error) {
      throw this.#explain(error, 'read')
    } finally {
      this.#reads.delete(read)
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

  #explain(error: unknown, doing: 'open' | 'read' | 'write'): Error {
    return explainError(error, doing, this.#options)
  }
}
