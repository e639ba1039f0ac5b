import type { Row } from '../layers/row.ts'
import { copyHeaders } from '../layers/row-codec.ts'
import type { RowLayers } from '../layers/row-layers.ts'
import type { StoreBackend } from '../ports/backend.ts'
import type { CommittedView, StoreContext } from '../ports/managed-store.ts'
import type { KeyValueSpec } from '../ports/store-spec.ts'
import type { KeyValueStore, ValueAndTimestamp } from '../ports/stores.ts'
import type { KeyCodec } from './key-codec.ts'
import type { StoreKind } from './layered-store.ts'

export interface KeyValueParts {
  readonly spec: KeyValueSpec
  readonly layers: RowLayers<unknown>
  readonly backend: StoreBackend
  readonly keys: KeyCodec<unknown>
  readonly context: StoreContext
}

/** A stored row seen through the store's API: itself when timestamped, else its value. */
type Stored = unknown

/** Latest value per key. */
class KeyValueApi implements KeyValueStore<unknown, Stored> {
  readonly name: string
  readonly #layers: RowLayers<unknown>
  readonly #backend: StoreBackend
  readonly #keys: KeyCodec<unknown>
  readonly #context: StoreContext
  readonly #timestamped: boolean
  readonly #keepHeaders: boolean
  readonly #expiry: RowExpiry | null

  constructor({ spec, layers, backend, keys, context }: KeyValueParts, expiry: RowExpiry | null) {
    this.name = spec.name
    this.#layers = layers
    this.#backend = backend
    this.#keys = keys
    this.#context = context
    this.#timestamped = spec.timestamped
    this.#keepHeaders = spec.headers === true
    this.#expiry = expiry
  }

  get(key: unknown): Stored | null {
    return this.#seen(this.#layers.get(this.#keys.encode(key)))
  }

  put(key: unknown, value: Stored | null): void {
    const row = value === null ? null : this.#toRow(value)
    this.#layers.put(this.#keys.encode(key), row, this.#context.recordTimestamp())
  }

  putIfAbsent(key: unknown, value: Stored): Stored | null {
    const found = this.get(key)
    if (found === null) this.put(key, value)
    return found
  }

  delete(key: unknown): Stored | null {
    const found = this.get(key)
    this.put(key, null)
    return found
  }

  range(from: unknown, to: unknown): Iterable<readonly [unknown, Stored]> {
    return this.#rows(from, to, false)
  }

  reverseRange(from: unknown, to: unknown): Iterable<readonly [unknown, Stored]> {
    return this.#rows(from, to, true)
  }

  all(): Iterable<readonly [unknown, Stored]> {
    return this.#rows(null, null, false)
  }

  approximateNumEntries(): number {
    return this.#backend.approximateEntries()
  }

  *#rows(from: unknown, to: unknown, reverse: boolean): Generator<readonly [unknown, Stored]> {
    const range = {
      from: from === null ? undefined : this.#keys.encode(from),
      to: to === null ? undefined : behind(this.#keys.encode(to)),
      reverse,
    }
    for (const [key, row] of this.#layers.rows(range)) {
      const stored = this.#seen(row)
      if (stored !== null) yield [this.#keys.decode(key), stored]
    }
  }

  #seen(row: Row<unknown> | null): Stored | null {
    if (row === null || this.#expiry?.isExpired(row) === true) return null
    return this.#timestamped ? row : row.value
  }

  #toRow(value: Stored): Row<unknown> {
    if (!this.#timestamped) return this.#row(value, this.#context.recordTimestamp())
    const given = value as ValueAndTimestamp<unknown>
    // The given object becomes the row, unless it has to be completed with headers.
    if (!this.#keepHeaders || given.headers !== undefined) return given
    return this.#row(given.value, given.timestamp)
  }

  #row(value: unknown, timestamp: number): Row<unknown> {
    return this.#keepHeaders
      ? { value, timestamp, headers: copyHeaders(this.#context.recordHeaders()) }
      : { value, timestamp }
  }
}

/** Rows not written for longer than ttl, by stream time, are gone. */
export class RowExpiry {
  readonly #ttlMs: number
  readonly #context: StoreContext

  constructor(ttlMs: number, context: StoreContext) {
    this.#ttlMs = ttlMs
    this.#context = context
  }

  isExpired(row: { readonly timestamp: number }): boolean {
    return row.timestamp < this.#context.streamTime() - this.#ttlMs
  }
}

class KeyValueView implements CommittedView {
  readonly #layers: RowLayers<unknown>
  readonly #backend: StoreBackend
  readonly #keys: KeyCodec<unknown>
  readonly #timestamped: boolean
  readonly #expiry: RowExpiry | null

  constructor({ spec, layers, backend, keys }: KeyValueParts, expiry: RowExpiry | null) {
    this.#layers = layers
    this.#backend = backend
    this.#keys = keys
    this.#timestamped = spec.timestamped
    this.#expiry = expiry
  }

  get(key: unknown): unknown {
    const row = this.#layers.committed(this.#keys.encode(key))
    return row === null || this.#expiry?.isExpired(row) === true ? null : this.#seen(row)
  }

  async scan(options: Parameters<CommittedView['scan']>[0]): Promise<ReadonlyArray<readonly [unknown, unknown]>> {
    const { reverse = false, limit } = options
    let { from, to } = this.#bounds(options)
    const found: Array<readonly [unknown, unknown]> = []
    for (;;) {
      const wanted = limit === undefined ? undefined : limit - found.length
      if (wanted !== undefined && wanted <= 0) return found
      const rows = await this.#layers.committedRows({ from, to, reverse, limit: wanted })
      for (const [key, row] of rows) {
        if (this.#expiry?.isExpired(row) !== true) found.push([this.#keys.decode(key), this.#seen(row)])
      }
      const last = rows.at(-1)
      // Expired rows among them: the page is not full yet.
      if (last === undefined || wanted === undefined || rows.length < wanted) return found
      if (reverse) to = last[0]
      else from = behind(last[0])
    }
  }

  approximateEntries(): number {
    return this.#backend.approximateEntries()
  }

  #bounds({ from, after, to, reverse = false }: Parameters<CommittedView['scan']>[0]): { from?: string; to?: string } {
    const low = from === undefined ? undefined : this.#keys.encode(from)
    const high = to === undefined ? undefined : behind(this.#keys.encode(to))
    if (after === undefined) return { from: low, to: high }
    const cursor = this.#keys.encode(after)
    // `after` is the last key of the page before, so it bounds the side the page starts from.
    if (reverse) return { from: low, to: high === undefined || cursor < high ? cursor : high }
    const next = behind(cursor)
    return { from: low === undefined || next > low ? next : low, to: high }
  }

  #seen(row: Row<unknown>): unknown {
    return this.#timestamped ? row : row.value
  }
}

export function keyValueKind(parts: KeyValueParts): StoreKind<unknown> {
  const { spec, context, keys } = parts
  const expiry = spec.ttlMs === undefined ? null : new RowExpiry(spec.ttlMs, context)
  return {
    api: new KeyValueApi(parts, expiry),
    committed: new KeyValueView(parts, expiry),
    flushedKey: (storageKey) => keys.decode(storageKey),
    flushedValue: (row) => row.value,
    changelogKey: (storageKey) => storageKey,
    storageKey: (changelogKey) => changelogKey,
  }
}

/** The smallest key behind this one: makes an inclusive upper bound exclusive. */
function behind(key: string): string {
  return `${key}\0`
}
