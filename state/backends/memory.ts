/*
 * Owns: the committed rows of one store in memory.
 *
 * Rows are kept as latin-1 strings: a Buffer would pin the whole slab it was cut from for as long as one row
 * of it lives.
 *
 * Invariants
 * 1. Rows and position change together, synchronously inside write() (architecture 1).
 * 2. The key index, once there, holds exactly the keys of the rows.
 */

import { SortedKeys } from '../keys/sorted-keys.ts'
import {
  type BackendFactory,
  type BackendOptions,
  type BackendWrite,
  type KeyRange,
  rowBuffer,
  type StoreBackend,
} from '../ports/backend.ts'
import { compareText } from '../ports/compare-text.ts'
import { StoreClosedError, StreamsConfigError } from '../ports/errors.ts'

/** The rows that survive a close when the factory is durable. */
interface MemoryDisk {
  rows: Map<string, string>
  position: number | null
  note: string | null
}

export interface MemoryBackendsOptions {
  /** Data survives close() until destroy(), as on a disk: for tests and simulation. Default false: close() drops it. */
  readonly durable?: boolean
}

/** Stores live and die with their handle, unless durable. */
export function memoryBackends(options: MemoryBackendsOptions = {}): BackendFactory {
  const disks = new Map<string, MemoryDisk>()
  return {
    async open(taskId: string, storeName: string, backendOptions: BackendOptions): Promise<StoreBackend> {
      const id = `${taskId}/${storeName}`
      const disk = disks.get(id) ?? { rows: new Map(), position: null, note: null }
      if (options.durable === true) disks.set(id, disk)
      return new MemoryBackend(storeName, disk, backendOptions)
    },
    async destroy(taskId: string, storeName: string): Promise<void> {
      disks.delete(`${taskId}/${storeName}`)
    },
  }
}

class MemoryBackend implements StoreBackend {
  readonly #name: string
  readonly #disk: MemoryDisk
  readonly #options: BackendOptions
  #index: SortedKeys | null = null
  #closed = false

  constructor(name: string, disk: MemoryDisk, options: BackendOptions) {
    this.#name = name
    this.#disk = disk
    this.#options = options
    if (options.keyIndex) this.#index = sortedIndex(disk.rows)
  }

  get(key: string): Buffer | undefined {
    this.#check()
    const row = this.#disk.rows.get(key)
    return row === undefined ? undefined : Buffer.from(row, 'latin1')
  }

  keys(range: KeyRange): Iterable<string> {
    this.#check()
    if (this.#index === null || !this.#options.keyIndex) throw noIndex(this.#name)
    return this.#index.iterate(range)
  }

  scan(range: KeyRange): AsyncIterable<readonly [string, Buffer]> {
    this.#check()
    // The first query pays for the index; stores that are never scanned do not.
    this.#index ??= sortedIndex(this.#disk.rows)
    const rows = this.#disk.rows
    const limit = range.limit ?? Number.POSITIVE_INFINITY
    const snapshot: Array<readonly [string, string]> = []
    for (const key of this.#index.iterate(range)) {
      if (snapshot.length >= limit) break
      snapshot.push([key, rows.get(key) as string])
    }
    return replay(snapshot)
  }

  async write(writes: readonly BackendWrite[], position: number, note?: string): Promise<void> {
    this.#check()
    const { rows } = this.#disk
    for (const { key, row } of writes) {
      if (row === null) {
        if (rows.delete(key)) this.#index?.delete(key)
      } else {
        rows.set(key, rowBuffer(row).toString('latin1'))
        this.#index?.add(key)
      }
    }
    this.#disk.position = position
    if (note !== undefined) this.#disk.note = note
  }

  position(): number | null {
    return this.#disk.position
  }

  note(): string | null {
    return this.#disk.note
  }

  approximateEntries(): number {
    return this.#disk.rows.size
  }

  async clear(): Promise<void> {
    this.#check()
    this.#disk.rows.clear()
    this.#disk.position = null
    this.#disk.note = null
    this.#index?.clear()
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #check(): void {
    if (this.#closed) throw new StoreClosedError(this.#name, 'is closed')
  }
}

export function noIndex(storeName: string): StreamsConfigError {
  return new StreamsConfigError(
    `store ${storeName} has no key index: declare it with scan: true to use range() and all() while processing`,
  )
}

function sortedIndex(rows: ReadonlyMap<string, unknown>): SortedKeys {
  return SortedKeys.fromSorted([...rows.keys()].sort(compareText))
}

async function* replay(
  rows: ReadonlyArray<readonly [string, string]>,
): AsyncGenerator<readonly [key: string, row: Buffer]> {
  for (const [key, row] of rows) yield [key, Buffer.from(row, 'latin1')]
}

/** One store on its own, for callers that cannot wait for a factory (TopologyTestDriver). */
export function memoryBackend(storeName: string, options: BackendOptions): StoreBackend {
  return new MemoryBackend(storeName, { rows: new Map(), position: null, note: null }, options)
}
