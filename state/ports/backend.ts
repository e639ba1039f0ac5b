/**
 * One change to a backend. Keys are *binary strings*: one char (0..255) per byte, so that JS string
 * order equals byte order. `row` null deletes.
 */
export interface BackendWrite {
  readonly key: string
  readonly row: Buffer | null
}

/** Half-open range of binary-string keys; undefined = unbounded on that side. */
export interface KeyRange {
  readonly from?: string | undefined
  /** exclusive */
  readonly to?: string | undefined
  readonly reverse?: boolean | undefined
}

/**
 * Where the committed rows of one store of one task live. Rows are opaque bytes (see row codec).
 * Only one caller writes; `write` calls never overlap. Reads during a `write` may see either state
 * (the layers above keep serving the frozen layer until the promise resolves).
 */
export interface StoreBackend {
  /** Synchronous point read of a committed row; undefined when absent. */
  get(key: string): Buffer | undefined
  /** Synchronous ordered scan; only when opened with `keyIndex: true`, else throws. */
  range(range: KeyRange): Iterable<readonly [key: string, row: Buffer]>
  /** Ordered scan for queries, works always; a snapshot as of the call. */
  scan(range: KeyRange): AsyncIterable<readonly [key: string, row: Buffer]>
  /** Applies all writes and the changelog position in ONE atomic batch (design invariant 1). */
  write(writes: readonly BackendWrite[], position: number): Promise<void>
  /** Next changelog offset to restore from; null for a store that never wrote one. */
  position(): number | null
  /** Number of rows; exact for memory, an estimate for level. */
  approximateEntries(): number
  /** Deletes all rows and the position (changelog offset out of range; wiped store). */
  clear(): Promise<void>
  close(): Promise<void>
}

export interface BackendOptions {
  /** Keep the keys sorted in memory so that `range` works synchronously. */
  readonly keyIndex: boolean
}

/** Opens backends under one state directory; one instance per process. */
export interface BackendFactory {
  open(taskId: string, storeName: string, options: BackendOptions): Promise<StoreBackend>
  /** Removes the data of a store from disk (it must be closed). */
  destroy(taskId: string, storeName: string): Promise<void>
}
