/**
 * The bytes of a row, which may not exist yet: a Buffer, or an immutable object that writes itself into a given place. A row that
 * is overwritten before it reaches the disk is therefore never encoded.
 */
export interface RowBytes {
  readonly length: number
  /** Writes all bytes at `offset`; there must be room. */
  copy(target: Buffer, offset: number): number
}

/** Owned bytes of a row. */
export function rowBuffer(row: RowBytes): Buffer {
  const bytes = Buffer.allocUnsafe(row.length)
  row.copy(bytes, 0)
  return bytes
}

/**
 * One change to a backend. Keys are *binary strings*: one char (0..255) per byte, so that JS string
 * order equals byte order. `row` null deletes.
 */
export interface BackendWrite {
  readonly key: string
  readonly row: RowBytes | null
  /** True when a committed row exists now, if the caller knows; saves a lookup for the entry count. */
  readonly existed?: boolean | undefined
}

/** Half-open range of binary-string keys; undefined = unbounded on that side. */
export interface KeyRange {
  readonly from?: string | undefined
  /** exclusive */
  readonly to?: string | undefined
  readonly reverse?: boolean | undefined
  /** Most rows; undefined = all. */
  readonly limit?: number | undefined
}

/**
 * Where the committed rows of one store of one task live. Rows are opaque bytes (see row codec).
 * Only one caller writes; `write` calls never overlap. Reads during a `write` may see either state
 * (the layers above keep serving the frozen layer until the promise resolves).
 *
 * Damage is reported, never returned as data: whatever has happened to its files, a store that opens holds exactly the rows of its position, or
 * open() throws StoreCorruptedError. A row that is damaged while the store is open is a StoreCorruptedError when it is read
 * (row-check.ts helps backends whose own reads compare no checksums).
 */
export interface StoreBackend {
  /** Synchronous point read of a committed row; undefined when absent. */
  get(key: string): Buffer | undefined
  /**
   * Keys of committed rows in order, synchronously; only when opened with `keyIndex: true`, else throws.
   * Keys written while the caller iterates may or may not be seen.
   */
  keys(range: KeyRange): Iterable<string>
  /** Ordered scan for queries, works always; a snapshot as of the call. */
  scan(range: KeyRange): AsyncIterable<readonly [key: string, row: Buffer]>
  /**
   * Applies all writes and the changelog position in ONE atomic batch (architecture 1). `note` is a short text of
   * the store kept beside the position; undefined leaves the last one.
   */
  write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void>
  /** Begins to write to disk what waits in memory, and resolves then. Absent in a backend where nothing waits. */
  persist?(): Promise<void>
  /** Next changelog offset to restore from; null for a store that never wrote one. */
  position(): number | null
  /** The last note written with a position; null when there was none. */
  note(): string | null
  /** Number of committed rows. While rows are on their way to disk, those written without `existed` may be missing in it. */
  approximateEntries(): number
  /** Deletes all rows and the position (changelog offset out of range; wiped store). */
  clear(): Promise<void>
  close(): Promise<void>
}

export interface BackendOptions {
  /** Keep the keys sorted in memory so that `keys` works synchronously. `backendOptions(spec)` knows which store needs it. */
  readonly keyIndex: boolean
}

/** Opens backends under one state directory; one instance per process. */
export interface BackendFactory {
  /** Throws StoreCorruptedError when the data cannot be read: destroy() it, open again, restore. */
  open(taskId: string, storeName: string, options: BackendOptions): Promise<StoreBackend>
  /** Removes the data of a store from disk (it must be closed). */
  destroy(taskId: string, storeName: string): Promise<void>
}

/** Backends that come with the engine and keep their rows on disk. */
export type DiskBackend = 'level' | 'rocksdb'
export type StateBackend = DiskBackend | 'memory'

/**
 * Opens the backends of a store type of one's own. Called once in each stream thread. A store's files belong below
 * `<directory>/<taskId>/<storeName>`, so that the clean-up finds them; one thread at a time has a task.
 */
export type OpenBackends = (directory: string) => BackendFactory
