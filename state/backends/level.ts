/*
 * Owns: one LevelDB per store of a task (STATE_DIR/<application.id>/<task>/<store>).
 *
 * One database per store, not one per directory: atomicity is only needed per store, and so a corrupted or
 * wiped store is one directory, a task moves to another thread by close and open, and no compaction is shared.
 * Price: some ten file handles, two write buffers and a block cache each (level-sizes.ts).
 *
 * Keys are stored as UTF-8 of the binary string: order-preserving, and ASCII keys stay themselves. The meta row's
 * key holds a char above 255, so no binary string collides with it and it sorts behind all rows.
 *
 * Invariants
 * 1. Rows, position, note and entry count change in one LevelDB batch (architecture 1). Batches are not fsynced:
 *    after a power cut the store may be older, never torn, and the changelog brings it up again.
 * 2. The key index, when there, equals the keys on disk whenever no write is running.
 * 3. clear() and destroy() move the directory away before they delete it: a crash half way never leaves part of the rows.
 */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { SortedKeys } from '../keys/sorted-keys.ts'
import type { BackendFactory, BackendOptions, BackendWrite, KeyRange, StoreBackend } from '../ports/backend.ts'
import { StateDirectoryError, StoreClosedError, StoreCorruptedError, StreamsConfigError } from '../ports/errors.ts'
import type { LevelSizes } from './level-sizes.ts'
import { noIndex } from './memory.ts'

const FORMAT = 1
const META_KEY = '\u0100meta'
const META_FIXED = 17
const ROWS_END = '\u0100'
const INDEX_LOAD_STEP = 5000
/** ENOSPC, EDQUOT, EFBIG, as the C library says them. */
const NO_ROOM = /No space left on device|[Qq]uota exceeded|File too large/

/** One store alone with these needs 10 MiB at most. */
const DEFAULT_SIZES: LevelSizes = { writeBufferBytes: 4 * 1024 * 1024, blockCacheBytes: 2 * 1024 * 1024 }

type Database = ClassicLevel<string, Buffer>

/** `directory` is StateDirectory.path; may be used from several threads, each store from one at a time. */
export function levelBackends(directory: string, sizes: LevelSizes = DEFAULT_SIZES): BackendFactory {
  const pathOf = (taskId: string, storeName: string): string => join(directory, safe(taskId), safe(storeName))
  return {
    open: (taskId, storeName, backendOptions) =>
      LevelBackend.open(pathOf(taskId, storeName), { taskId, storeName, ...sizes, ...backendOptions }),
    destroy: (taskId, storeName) => wipe(pathOf(taskId, storeName)),
  }
}

interface OpenOptions extends LevelSizes, BackendOptions {
  readonly taskId: string
  readonly storeName: string
}

class LevelBackend implements StoreBackend {
  readonly #path: string
  readonly #options: OpenOptions
  #db: Database
  #index: SortedKeys | null = null
  #position: number | null = null
  #note: string | null = null
  #entries = 0
  /** Why nothing can be done with it any more. */
  #unusable: Error | null = null

  static async open(path: string, options: OpenOptions): Promise<LevelBackend> {
    await rm(trashOf(path), { recursive: true, force: true })
    const backend = new LevelBackend(path, options)
    await backend.#start()
    return backend
  }

  private constructor(path: string, options: OpenOptions) {
    this.#path = path
    this.#options = options
    this.#db = this.#database()
  }

  get(key: string): Buffer | undefined {
    this.#check()
    try {
      return this.#db.getSync(key)
    } catch (error) {
      throw this.#explain(error, 'read')
    }
  }

  keys(range: KeyRange): Iterable<string> {
    this.#check()
    if (this.#index === null) throw noIndex(this.#options.storeName)
    return this.#index.iterate(range)
  }

  scan({ from, to, reverse, limit }: KeyRange): AsyncIterable<readonly [string, Buffer]> {
    this.#check()
    // The iterator holds LevelDB's snapshot from here on.
    return this.#db.iterator({ gte: from ?? '', lt: to ?? ROWS_END, reverse: reverse === true, limit: limit ?? -1 })
  }

  async write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    this.#check()
    const batch = this.#db.batch()
    let entries = this.#entries
    let size = 0
    for (const { row } of writes) if (row !== null) size += row.length
    const slab = Buffer.allocUnsafeSlow(size)
    let at = 0
    for (const write of writes) {
      if (write.row === null) batch.del(write.key)
      else {
        const start = at
        at += write.row.copy(slab, at)
        batch.put(write.key, slab.subarray(start, at))
      }
      if ((write.row === null) === this.#existed(write)) entries += write.row === null ? -1 : 1
    }
    const kept = note ?? this.#note
    batch.put(META_KEY, encodeMeta(position, entries, kept))
    try {
      await batch.write()
    } catch (error) {
      this.#unusable = this.#explain(error, 'write')
      throw this.#unusable
    }
    this.#position = position
    this.#note = kept
    this.#entries = entries
    if (this.#index !== null) {
      for (const { key, row } of writes) {
        if (row === null) this.#index.delete(key)
        else this.#index.add(key)
      }
    }
  }

  position(): number | null {
    return this.#position
  }

  note(): string | null {
    return this.#note
  }

  approximateEntries(): number {
    return this.#entries
  }

  async clear(): Promise<void> {
    this.#check()
    await this.#db.close()
    await wipe(this.#path)
    this.#db = this.#database()
    await this.#start()
  }

  async close(): Promise<void> {
    this.#unusable = new StoreClosedError(this.#options.storeName, 'is closed')
    await this.#db.close()
  }

  #existed(write: BackendWrite): boolean {
    if (write.existed !== undefined) return write.existed
    if (this.#entries === 0) return false
    return this.#index === null ? this.get(write.key) !== undefined : this.#index.has(write.key)
  }

  #database(): Database {
    return new ClassicLevel<string, Buffer>(this.#path, {
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
      cacheSize: this.#options.blockCacheBytes,
      writeBufferSize: this.#options.writeBufferBytes,
    })
  }

  async #start(): Promise<void> {
    try {
      await this.#db.open()
      const meta = this.#db.getSync(META_KEY)
      if (meta === undefined) await this.#expectEmpty()
      this.#position = null
      this.#note = null
      this.#entries = 0
      if (meta !== undefined) this.#readMeta(meta)
      this.#index = this.#options.keyIndex ? await this.#loadIndex() : null
    } catch (error) {
      await this.#db.close().catch(() => {
        // The first error is the one that matters.
      })
      throw this.#explain(error, 'open')
    }
  }

  #readMeta(meta: Buffer): void {
    if (meta[0] !== FORMAT) {
      throw new StateDirectoryError(`${this.#path} has store format ${meta[0]}, this version knows ${FORMAT}`)
    }
    const position = meta.readDoubleBE(1)
    this.#position = position < 0 ? null : position
    this.#entries = meta.readDoubleBE(9)
    if (meta.length > META_FIXED) this.#note = meta.toString('utf8', META_FIXED)
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

  /** LevelDB's error as what the caller must do. */
  #explain(error: unknown, doing: string): Error {
    if (error instanceof StateDirectoryError || error instanceof StoreCorruptedError) return error
    const code = levelCode(error)
    if (code === 'LEVEL_CORRUPTION') return this.#corrupted('is corrupted', error)
    if (code === 'LEVEL_LOCKED') {
      return new StateDirectoryError(`${this.#path} is in use by another process or thread`, { cause: error })
    }
    const detail =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error)
    // A file that LevelDB's own books name is gone.
    if (doing === 'open' && detail.includes('No such file')) return this.#corrupted(`misses files: ${detail}`, error)
    // Opening it anew would not make room.
    if (NO_ROOM.test(detail)) {
      return new StateDirectoryError(
        `no room in STATE_DIR for store ${this.#options.storeName}: ${detail}: make room and start again, nothing is lost`,
        { cause: error },
      )
    }
    return doing === 'open'
      ? new StateDirectoryError(`cannot open ${this.#path}: ${detail}`, { cause: error })
      : new StoreClosedError(this.#options.storeName, `failed to ${doing}: ${detail}`, { cause: error })
  }

  #corrupted(what: string, cause?: unknown): StoreCorruptedError {
    return new StoreCorruptedError(this.#options.taskId, this.#options.storeName, `${this.#path} ${what}`, { cause })
  }
}

function levelCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_LOCKED' || code === 'LEVEL_IO_ERROR') return code
  }
  return undefined
}

/** format u8 | position f64 | entries f64 | note (UTF-8) */
function encodeMeta(position: number, entries: number, note: string | null): Buffer {
  const meta = Buffer.alloc(META_FIXED + Buffer.byteLength(note ?? ''))
  meta[0] = FORMAT
  meta.writeDoubleBE(position, 1)
  meta.writeDoubleBE(entries, 9)
  meta.write(note ?? '', META_FIXED)
  return meta
}

function trashOf(path: string): string {
  return `${path}.wiped`
}

async function wipe(path: string): Promise<void> {
  const trash = trashOf(path)
  await rm(trash, { recursive: true, force: true })
  try {
    await rename(path, trash)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await rm(trash, { recursive: true, force: true })
}

/** Names become directory names as they are, so that a person finds a store's files. */
function safe(name: string): string {
  if (!/^[A-Za-z0-9._-]+$/.test(name) || name.startsWith('.') || name.endsWith('.wiped')) {
    throw new StreamsConfigError(`"${name}" cannot name a directory: use letters, digits, ".", "_" and "-"`)
  }
  return name
}
