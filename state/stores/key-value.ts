import { behind, behindPrefix } from '../keys/binary-key.ts'
import type { Row } from '../layers/row.ts'
import type { KeyRange } from '../ports/backend.ts'
import type { Serde } from '../ports/serde.ts'
import type { KeyValueSpec } from '../ports/store-spec.ts'
import type { CopyingStore, FlushedRows, KeyValueStore } from '../ports/stores.ts'
import { KeyValueView } from './key-value-view.ts'
import { restoredRow, type StoreKind, type StoreParts } from './layered-store.ts'
import { PagedSweep } from './paged-sweep.ts'
import { RowShape, type Stored } from './row-shape.ts'
import { SecondaryIndex } from './secondary-index.ts'
import { KeySweep, type Sweep } from './sweep.ts'
import { TtlExpiry } from './ttl-expiry.ts'

interface KeyValueParts extends StoreParts<KeyValueSpec> {
  readonly shape: RowShape
  /** Rows not written for longer than the ttl, by stream time; null = rows stay. */
  readonly isExpired: ((row: { readonly timestamp: number }) => boolean) | null
  /** Null = rows stay. */
  readonly expiry: TtlExpiry | null
}

/** Latest value per key. */
class KeyValueApi implements KeyValueStore<unknown, Stored>, CopyingStore, FlushedRows<unknown, Stored> {
  readonly name: string
  readonly #layers: KeyValueParts['layers']
  readonly #backend: KeyValueParts['backend']
  readonly #keys: KeyValueParts['keys']
  readonly #context: KeyValueParts['context']
  readonly #shape: RowShape
  readonly #isExpired: KeyValueParts['isExpired']
  readonly #expiry: KeyValueParts['expiry']

  constructor({ spec, layers, backend, keys, context, shape, isExpired, expiry }: KeyValueParts) {
    this.name = spec.name
    this.#layers = layers
    this.#backend = backend
    this.#keys = keys
    this.#context = context
    this.#shape = shape
    this.#isExpired = isExpired
    this.#expiry = expiry
  }

  get(key: unknown): Stored | null {
    return this.#seen(this.#layers.get(this.#keys.encode(key)))
  }

  getFlushed(key: unknown): Stored | null {
    return this.#seen(this.#layers.getFlushed(this.#keys.encode(key)))
  }

  copyOf<V>(value: V): V {
    return this.#shape.copyOf(value) as V
  }

  put(key: unknown, value: Stored | null): void {
    this.#write(this.#keys.encode(key), value)
  }

  putIfAbsent(key: unknown, value: Stored): Stored | null {
    const encoded = this.#keys.encode(key)
    const found = this.#seen(this.#layers.get(encoded))
    if (found === null) this.#write(encoded, value)
    return found
  }

  delete(key: unknown): Stored | null {
    const encoded = this.#keys.encode(key)
    const found = this.#seen(this.#layers.get(encoded))
    this.#write(encoded, null)
    return found
  }

  range(from: unknown, to: unknown): Iterable<readonly [unknown, Stored]> {
    return this.#rows(this.#range(from, to))
  }

  reverseRange(from: unknown, to: unknown): Iterable<readonly [unknown, Stored]> {
    return this.#rows({ ...this.#range(from, to), reverse: true })
  }

  all(): Iterable<readonly [unknown, Stored]> {
    return this.#rows({})
  }

  prefixScan<P>(prefix: P, prefixSerde: Pick<Serde<P>, 'serialize' | 'name'>): Iterable<readonly [unknown, Stored]> {
    const from = this.#keys.encodePrefix(prefix, prefixSerde)
    return this.#rows({ from, to: behindPrefix(from) })
  }

  approximateNumEntries(): number {
    return this.#backend.approximateEntries()
  }

  #range(from: unknown, to: unknown): KeyRange {
    return {
      from: from === null ? undefined : this.#keys.encode(from),
      to: to === null ? undefined : behind(this.#keys.encode(to)),
    }
  }

  *#rows(range: KeyRange): Generator<readonly [unknown, Stored]> {
    for (const [key, row] of this.#layers.rows(range)) {
      const stored = this.#seen(row)
      if (stored !== null) yield [this.#keys.decode(key), stored]
    }
  }

  #write(encodedKey: string, value: Stored | null): void {
    const row = value === null ? null : this.#shape.toRow(value)
    if (row !== null) this.#expiry?.noteRow(row.timestamp)
    this.#layers.put(encodedKey, row, this.#context.recordTimestamp())
  }

  #seen(row: Row<unknown> | null): Stored | null {
    if (row === null || this.#isExpired?.(row) === true) return null
    return this.#shape.stored(row)
  }
}

/** A visit may read a row from disk, unlike dropping whole segments, so there are fewer per commit. */
const SWEEP_SHARE = 4

export function keyValueKind(parts: StoreParts<KeyValueSpec>): StoreKind<unknown> {
  const { spec, layers, backend, context, values, keys } = parts
  const { ttlMs, timestamped } = spec
  const shape = new RowShape({ timestamped, keepHeaders: spec.headers === true, context, values })
  const isExpired =
    ttlMs === undefined ? null : (row: { readonly timestamp: number }) => row.timestamp < context.streamTime() - ttlMs
  const newSweep = (): Sweep => (spec.scan ? new KeySweep(layers) : new PagedSweep(layers.reads))
  const expiry =
    isExpired === null
      ? null
      : // A compacted changelog forgets only deleted rows, so they are dropped there, too.
        new TtlExpiry({ layers, newSweep, isExpired, drop: (key) => layers.drop(key, context.streamTime()) })
  return {
    api: new KeyValueApi({ ...parts, shape, isExpired, expiry }),
    committed: new KeyValueView({
      name: spec.name,
      layers,
      backend,
      isExpired: (row) => isExpired?.(row) === true,
      stored: (row) => shape.stored(row),
      indexes: [spec.index ?? []].flat().map((index) => new SecondaryIndex({ spec: index, layers, keys, values })),
    }),
    flushedKey: (storageKey) => keys.decode(storageKey),
    flushedValue: (row) => values.read(row.value),
    changelogKey: (storageKey) => storageKey,
    restored: restoredRow,
    isInParts: spec.changelogParts === true,
    expire: expiry === null ? undefined : (limit) => expiry.run(limit / SWEEP_SHARE),
    otherRows: () => expiry?.forget(),
  }
}
