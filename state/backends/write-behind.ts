import { FreshKeys } from '../keys/fresh-keys.ts'
import { mergeKeys } from '../keys/sorted-keys.ts'
import {
  type BackendFactory,
  type BackendOptions,
  type BackendWrite,
  type KeyRange,
  type RowBytes,
  rowBuffer,
  type StoreBackend,
} from '../ports/backend.ts'
import { WaitingRows, type WaitingStore } from './waiting-rows.ts'

/*
 * Owns: the rows of settled commits that are not yet on disk. A row that changes with every commit is encoded and written once per
 * some commits instead of once per commit; everybody above sees it at once.
 *
 * Invariants
 * 1. What is written below is always the state after one of the commits, rows and position in one atomic batch: the disk may be
 *    behind the changelog by some commits (a crash restores them from it), never ahead, never torn.
 * 2. Reads see gathering over draining over what is below; a key is in a layer with its latest row there.
 * 3. At most one batch of a store drains; a gathering layer over its limits waits for it, so a store holds two of them at most. All
 *    stores of one WaitingRows together hold no more than twice its limit, and what one commit brings.
 * 4. close() writes everything.
 * 5. With a key index, `fresh` has every key with a row here that is not below, so the keys below that are not deleted here and the
 *    fresh keys together are all keys.
 */

interface Layer {
  /** Latest change of each key. `existed`: whether the key had a row before the layer; undefined: nobody has looked. */
  readonly rows: Map<string, BackendWrite>
  /** Keys of which nobody knows whether they had a row. */
  readonly unknown: Set<string>
  bytes: number
  commits: number
  /** How many rows more there are with the layer than without it. Unknown keys do not count. */
  added: number
}

export interface WriteBehindOptions {
  /** Bytes of gathered rows of one store that trigger a write. Default 1 MiB. */
  readonly maxBytes?: number
  /** Commits that trigger a write. Default 32. */
  readonly maxCommits?: number
  /** The memory for the rows, which several factories may share. Default 48 MiB for all stores of this one. */
  readonly waiting?: WaitingRows
}

/** Bytes of the objects around a row that waits. */
const ROW_OBJECTS = 150

/** Puts the layer before every backend of the factory. */
export function writeBehind(factory: BackendFactory, options: WriteBehindOptions = {}): BackendFactory {
  const { maxBytes = 1024 * 1024, maxCommits = 32, waiting = new WaitingRows(48 * 1024 * 1024) } = options
  return {
    async open(taskId: string, storeName: string, backendOptions: BackendOptions): Promise<StoreBackend> {
      const below = await factory.open(taskId, storeName, backendOptions)
      return new WriteBehindBackend(below, waiting, { maxBytes, maxCommits, ...backendOptions })
    },
    destroy: (taskId, storeName) => factory.destroy(taskId, storeName),
  }
}

type Limits = Required<Omit<WriteBehindOptions, 'waiting'>>

class WriteBehindBackend implements StoreBackend, WaitingStore {
  readonly #below: StoreBackend
  readonly #waiting: WaitingRows
  readonly #limits: Limits
  readonly #fresh: FreshKeys | null
  #gathering = newLayer()
  #draining: Layer | null = null
  #drained: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #isClosed = false
  #position: number | null
  #note: string | null
  /** Rows below, as of the last batch that was written. */
  #entriesBelow: number

  constructor(below: StoreBackend, waiting: WaitingRows, options: Limits & BackendOptions) {
    this.#below = below
    this.#waiting = waiting
    this.#limits = options
    this.#fresh = options.keyIndex ? new FreshKeys(() => this.#freshKeys()) : null
    this.#position = below.position()
    this.#note = below.note()
    this.#entriesBelow = below.approximateEntries()
    waiting.join(this)
  }

  get gatheredBytes(): number {
    return heldBytes(this.#gathering)
  }

  get isDraining(): boolean {
    return this.#draining !== null
  }

  get isWriting(): boolean {
    return this.#draining !== null && this.#failure === null
  }

  get drained(): Promise<void> {
    return this.#drained
  }

  get(key: string): Buffer | undefined {
    const pending = this.#gathering.rows.get(key) ?? this.#draining?.rows.get(key)
    if (pending === undefined) return this.#below.get(key)
    return pending.row === null ? undefined : rowBuffer(pending.row)
  }

  keys(range: KeyRange): Iterable<string> {
    const below = this.#below.keys(range)
    if (this.#fresh === null || (this.#gathering.rows.size === 0 && this.#draining === null)) return below
    return mergeKeys(this.#notDeleted(below), this.#fresh.iterate(range), range.reverse === true)
  }

  scan(range: KeyRange): AsyncIterable<readonly [key: string, row: Buffer]> {
    const above = new Map<string, RowBytes | null>()
    for (const layer of [this.#draining, this.#gathering]) {
      for (const [key, { row }] of layer?.rows ?? []) if (isWithin(key, range)) above.set(key, row)
    }
    if (above.size === 0) return this.#below.scan(range)
    // Rows above may hide rows below, so the limit counts after the merge.
    return merged(this.#below.scan({ ...range, limit: undefined }), above, range)
  }

  async write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    if (this.#isClosed) return await this.#below.write(writes, position, note)
    const layer = this.#gathering
    const held = heldBytes(layer)
    for (const write of writes) this.#gather(layer, write)
    layer.commits++
    this.#position = position
    this.#note = note ?? this.#note
    this.#waiting.gathered(heldBytes(layer) - held)
    const room = this.#waiting.relieve()
    if (room !== null) await room
    if (layer !== this.#gathering) return
    if (layer.bytes < this.#limits.maxBytes && layer.commits < this.#limits.maxCommits) return
    // Invariant 3.
    await this.#drained
    if (this.#gathering === layer) void this.drain()
  }

  async persist(): Promise<void> {
    const layer = this.#gathering
    // Invariant 3.
    await this.#drained
    if (this.#failure !== null) throw this.#failure
    if (this.#gathering === layer) void this.drain()
  }

  position(): number | null {
    return this.#position
  }

  note(): string | null {
    return this.#note
  }

  /** While a batch drains, its unknown keys do not count. */
  approximateEntries(): number {
    try {
      this.#lookUp(this.#gathering)
    } catch {
      // A number need not fail: whoever reads that row gets the error.
    }
    return Math.max(0, this.#entriesBelow + (this.#draining?.added ?? 0) + this.#gathering.added)
  }

  async clear(): Promise<void> {
    this.#waiting.leave(this)
    await this.#drained
    this.#waiting.gathered(-heldBytes(this.#gathering))
    this.#gathering = newLayer()
    this.#fresh?.clear()
    await this.#below.clear()
    this.#position = this.#below.position()
    this.#note = this.#below.note()
    this.#entriesBelow = this.#below.approximateEntries()
    this.#waiting.join(this)
  }

  async close(): Promise<void> {
    this.#waiting.leave(this)
    try {
      await this.#drained
      await this.drain()
      // persist() may have begun a batch meanwhile.
      await this.#drained
      if (this.#failure !== null) throw this.#failure
    } finally {
      this.#isClosed = true
      // There is something only when a batch has failed.
      this.#waiting.gathered(-heldBytes(this.#gathering))
      if (this.#draining !== null) this.#waiting.draining(-heldBytes(this.#draining))
      await this.#below.close()
    }
  }

  #gather(layer: Layer, write: BackendWrite): void {
    const { rows, unknown } = layer
    const { key, row } = write
    const before = rows.get(key)
    const existed = before === undefined ? write.existed : before.existed
    rows.set(key, kept(write, existed))
    layer.bytes += (row?.length ?? 0) - (before === undefined ? -key.length : (before.row?.length ?? 0))
    if (existed === undefined) unknown.add(key)
    else layer.added += rowsOf(row) - (before === undefined ? Number(existed) : rowsOf(before.row))
    if (row === null) this.#fresh?.delete(key)
    else if ((before === undefined ? existed : before.row !== null) !== true) this.#fresh?.add(key)
  }

  /** Reads which keys of the layer that gathers had a row. */
  #lookUp(layer: Layer): void {
    const { rows, unknown } = layer
    for (const key of unknown) {
      const { row } = rows.get(key) as BackendWrite
      const drains = this.#draining?.rows.get(key)
      const existed = drains === undefined ? this.#below.get(key) !== undefined : drains.row !== null
      rows.set(key, { key, row, existed })
      layer.added += rowsOf(row) - Number(existed)
      unknown.delete(key)
    }
  }

  /** Invariant 5. */
  *#freshKeys(): Generator<string> {
    const { rows } = this.#gathering
    for (const { key, row, existed } of this.#draining?.rows.values() ?? []) {
      if (row !== null && existed !== true && rows.get(key)?.row !== null) yield key
    }
    for (const { key, row, existed } of rows.values()) if (row !== null && existed !== true) yield key
  }

  *#notDeleted(below: Iterable<string>): Generator<string> {
    for (const key of below) {
      const pending = this.#gathering.rows.get(key) ?? this.#draining?.rows.get(key)
      if (pending === undefined || pending.row !== null) yield key
    }
  }

  /** Invariant 1. Never rejects: a failure is thrown by the next call. */
  drain(): Promise<void> {
    const layer = this.#gathering
    const position = this.#position
    if (layer.commits === 0 || position === null) return Promise.resolve()
    this.#gathering = newLayer()
    this.#draining = layer
    const held = heldBytes(layer)
    this.#waiting.gathered(-held)
    this.#waiting.draining(held)
    const writes: BackendWrite[] = []
    for (const write of layer.rows.values()) if (write.row !== null || write.existed !== false) writes.push(write)
    this.#drained = this.#below.write(writes, position, this.#note ?? undefined).then(
      () => {
        this.#draining = null
        this.#entriesBelow = this.#below.approximateEntries()
        this.#waiting.draining(-held)
        // Invariant 5: they are below now.
        if (this.#fresh === null) return
        for (const { key, row } of writes) if (row !== null) this.#fresh.delete(key)
        this.#fresh.relax()
      },
      (error: unknown) => {
        this.#failure = error
      },
    )
    return this.#drained
  }
}

/** The write itself where it can stay as it is: it is one object less for each row. */
function kept(write: BackendWrite, existed: boolean | undefined): BackendWrite {
  const { key, row } = write
  // A Buffer may be part of a large one, and its owner may use it again.
  if (row instanceof Buffer) return { key, row: Buffer.from(row), existed }
  return write.existed === existed ? write : { key, row, existed }
}

/** Bytes of memory that the rows take. */
function heldBytes({ bytes, rows }: Layer): number {
  return bytes + rows.size * ROW_OBJECTS
}

function newLayer(): Layer {
  return { rows: new Map(), unknown: new Set(), bytes: 0, commits: 0, added: 0 }
}

function rowsOf(row: RowBytes | null): number {
  return row === null ? 0 : 1
}

function isWithin(key: string, { from, to }: KeyRange): boolean {
  return (from === undefined || key >= from) && (to === undefined || key < to)
}

/** Both in key order, one row per key: the one above. null above = no row. */
async function* merged(
  below: AsyncIterable<readonly [key: string, row: Buffer]>,
  above: ReadonlyMap<string, RowBytes | null>,
  { reverse = false, limit = Number.POSITIVE_INFINITY }: KeyRange,
): AsyncGenerator<readonly [key: string, row: Buffer]> {
  const keys = [...above.keys()].sort()
  if (reverse) keys.reverse()
  const isBefore = (a: string, b: string): boolean => (reverse ? a > b : a < b)
  let next = 0
  let left = limit < 0 ? Number.POSITIVE_INFINITY : limit
  function* upTo(key: string | null): Generator<readonly [key: string, row: Buffer]> {
    for (let own = keys[next]; own !== undefined && (key === null || isBefore(own, key)); own = keys[++next]) {
      const row = above.get(own)
      if (row != null && left-- > 0) yield [own, rowBuffer(row)]
    }
  }
  for await (const entry of below) {
    yield* upTo(entry[0])
    if (left <= 0) return
    if (!above.has(entry[0])) {
      left--
      yield entry
    }
  }
  yield* upTo(null)
}
