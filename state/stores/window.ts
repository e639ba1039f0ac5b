/*
 * Window store: rows by key and window start.
 *
 * Storage key: segment | key | start (8 bytes) | sequence (4 bytes). Changelog key: the same without the segment, as
 * Kafka Streams writes it. Keys may be prefixes of each other, so a range of one key can meet rows of a longer
 * one; their length tells them apart.
 */
import { decodeInt, decodeLong, encodeInt, encodeLong } from '../keys/binary-number.ts'
import type { Row } from '../layers/row.ts'
import { compareText } from '../ports/compare-text.ts'
import { UserCodeError } from '../ports/errors.ts'
import type { WindowSpec } from '../ports/store-spec.ts'
import type { CopyingStore, FlushedRows, Window, Windowed, WindowStore } from '../ports/stores.ts'
import { isTimestamp, timestampProblem } from '../ports/timestamp.ts'
import type { KeyCodec } from './key-codec.ts'
import { restoredRow, type StoreKind, type StoreParts } from './layered-store.ts'
import { ObservedTime } from './observed-time.ts'
import { RowShape, type Stored } from './row-shape.ts'
import { nextSegment, SEGMENT_BYTES, Segments } from './segments.ts'
import { TimedView } from './timed-view.ts'

const TIME_BYTES = 8
const SEQUENCE_BYTES = 4
const TAIL_BYTES = TIME_BYTES + SEQUENCE_BYTES
/** Retention spans at most so many segments: reading all windows of a key takes a look into each. */
const MAX_SEGMENTS = 64

/** Storage keys of a window store. */
class WindowKeys {
  readonly #keys: KeyCodec<unknown>
  readonly #segments: Segments
  readonly #windowSizeMs: number
  /** The last storage key, and what it was made of: a window is read and then written. */
  #last = ''
  #lastKey = ''
  #lastStart = -1
  #lastSequence = -1

  constructor(keys: KeyCodec<unknown>, segments: Segments, windowSizeMs: number) {
    this.#keys = keys
    this.#segments = segments
    this.#windowSizeMs = windowSizeMs
  }

  storage(key: string, start: number, sequence: number): string {
    if (start !== this.#lastStart || sequence !== this.#lastSequence || key !== this.#lastKey) {
      this.#last = this.#segments.prefix(start) + key + encodeLong(start) + encodeInt(sequence)
      this.#lastKey = key
      this.#lastStart = start
      this.#lastSequence = sequence
    }
    return this.#last
  }

  startOf(storageKey: string): number {
    return decodeLong(storageKey, storageKey.length - TAIL_BYTES)
  }

  sequenceOf(storageKey: string): number {
    return decodeInt(storageKey, storageKey.length - 4)
  }

  keyOf(storageKey: string): string {
    return storageKey.slice(SEGMENT_BYTES, -TAIL_BYTES)
  }

  windowed(storageKey: string): Windowed<unknown> {
    return { key: this.#keys.decode(this.keyOf(storageKey)), window: this.window(storageKey) }
  }

  window(storageKey: string): Window {
    const start = this.startOf(storageKey)
    return { start, end: start + this.#windowSizeMs }
  }
}

interface WindowParts extends StoreParts<WindowSpec> {
  readonly observed: ObservedTime
  readonly segments: Segments
  readonly windowKeys: WindowKeys
  readonly shape: RowShape
}

class WindowApi implements WindowStore<unknown, Stored>, CopyingStore, FlushedRows<Windowed<unknown>, Stored> {
  readonly name: string
  readonly #parts: WindowParts

  constructor(parts: WindowParts) {
    this.name = parts.spec.name
    this.#parts = parts
  }

  copyOf<V>(value: V): V {
    return this.#parts.shape.copyOf(value) as V
  }

  put(key: unknown, value: Stored | null, windowStart: number): void {
    const { spec, layers, segments, observed, context, keys, shape } = this.#parts
    // A delete cannot say which of the duplicates it means.
    if (value === null && spec.retainDuplicates) return
    if (!isTimestamp(windowStart))
      throw new UserCodeError(`a window of store ${this.name} has a wrong start: ${timestampProblem(windowStart)}`)
    const timestamp = context.recordTimestamp()
    observed.observe(windowStart)
    if (segments.isExpired(windowStart)) {
      this.#parts.onDropped('expired-window')
      return
    }
    const binary = keys.encode(key)
    const sequence = spec.retainDuplicates ? this.#nextSequence(binary, windowStart) : 0
    const storageKey = this.#parts.windowKeys.storage(binary, windowStart, sequence)
    layers.put(storageKey, value === null ? null : shape.toRow(value), timestamp)
  }

  fetch(key: unknown, windowStart: number): Stored | null {
    const { spec, layers, segments, keys, windowKeys, shape } = this.#parts
    if (windowStart < 0 || segments.isExpired(windowStart)) return null
    if (spec.retainDuplicates) {
      for (const [, value] of this.#fetch(key, windowStart, windowStart, true)) return value
      return null
    }
    const row = layers.get(windowKeys.storage(keys.encode(key), windowStart, 0))
    return row === null ? null : shape.stored(row)
  }

  /** For stores without duplicates. */
  getFlushed({ key, window: { start } }: Windowed<unknown>): Stored | null {
    const { layers, segments, keys, windowKeys, shape } = this.#parts
    if (start < 0 || segments.isExpired(start)) return null
    const row = layers.getFlushed(windowKeys.storage(keys.encode(key), start, 0))
    return row === null ? null : shape.stored(row)
  }

  fetchRange(key: unknown, from: number, to: number): Iterable<readonly [number, Stored]> {
    return this.#fetch(key, from, to, false)
  }

  backwardFetchRange(key: unknown, from: number, to: number): Iterable<readonly [number, Stored]> {
    return this.#fetch(key, from, to, true)
  }

  fetchAll(from: number, to: number): Iterable<readonly [Windowed<unknown>, Stored]> {
    return this.#fetchAll(from, to)
  }

  all(): Iterable<readonly [Windowed<unknown>, Stored]> {
    return this.#fetchAll(0, Number.MAX_SAFE_INTEGER)
  }

  *#fetch(key: unknown, from: number, to: number, reverse: boolean): Generator<readonly [number, Stored]> {
    const { layers, segments, keys, windowKeys, shape, observed } = this.#parts
    const first = Math.max(from, segments.earliest)
    const last = Math.min(to, observed.now)
    if (last < first) return
    const binary = keys.encode(key)
    const length = SEGMENT_BYTES + binary.length + TAIL_BYTES
    for (const segment of segments.prefixes(first, last, reverse)) {
      const prefix = segment + binary
      const range = { from: prefix + encodeLong(first), to: prefix + encodeLong(last + 1), reverse }
      for (const storageKey of layers.keys(range)) {
        if (storageKey.length !== length) continue
        const row = layers.get(storageKey)
        if (row !== null) yield [windowKeys.startOf(storageKey), shape.stored(row)]
      }
    }
  }

  *#fetchAll(from: number, to: number): Generator<readonly [Windowed<unknown>, Stored]> {
    const { layers, segments, windowKeys, shape, observed } = this.#parts
    const first = Math.max(from, segments.earliest)
    const last = Math.min(to, observed.now)
    if (last < first) return
    for (const prefix of segments.prefixes(first, last, false)) {
      const found: Array<{ key: string; start: number; storageKey: string }> = []
      for (const storageKey of layers.keys({ from: prefix, to: nextSegment(prefix) })) {
        const start = windowKeys.startOf(storageKey)
        if (start >= first && start <= last) found.push({ key: windowKeys.keyOf(storageKey), start, storageKey })
      }
      found.sort((a, b) => a.start - b.start || compareText(a.key, b.key) || compareText(a.storageKey, b.storageKey))
      for (const { storageKey } of found) {
        const row = layers.get(storageKey)
        if (row !== null) yield [windowKeys.windowed(storageKey), shape.stored(row)]
      }
    }
  }

  /** Behind the last duplicate there, so that it survives a restart (a counter would start again). */
  #nextSequence(binary: string, start: number): number {
    const { layers, windowKeys } = this.#parts
    const prefix = windowKeys.storage(binary, start, 0).slice(0, -4)
    for (const storageKey of layers.keys({ from: prefix, to: `${prefix}\xff\xff\xff\xff\xff`, reverse: true })) {
      if (storageKey.length === prefix.length + 4) return windowKeys.sequenceOf(storageKey) + 1
    }
    return 0
  }
}

export function windowKind(parts: StoreParts<WindowSpec>): StoreKind<unknown> {
  const { spec, layers, keys, context, values, note } = parts
  const observed = new ObservedTime(note.observed)
  const intervalMs = Math.max(spec.windowSizeMs, spec.retentionMs / MAX_SEGMENTS)
  const segments = new Segments({ layers, observed, retentionMs: spec.retentionMs, intervalMs })
  const windowKeys = new WindowKeys(keys, segments, spec.windowSizeMs)
  const shape = new RowShape({ timestamped: spec.timestamped, keepHeaders: spec.headers === true, context, values })
  const api = new WindowApi({ ...parts, observed, segments, windowKeys, shape })
  return {
    api,
    committed: new TimedView({
      name: spec.name,
      layers,
      backend: parts.backend,
      segments,
      tailBytes: SEQUENCE_BYTES,
      window: (storageKey) => windowKeys.window(storageKey),
    }),
    observed,
    flushedKey: (storageKey) => windowKeys.windowed(storageKey),
    flushedValue: (row: Row<unknown>) => values.read(row.value),
    changelogKey: (storageKey) => storageKey.slice(SEGMENT_BYTES),
    restored: (changelogKey, ...record) => {
      const start = decodeLong(changelogKey, changelogKey.length - TAIL_BYTES)
      observed.restore(start)
      return restoredRow(segments.prefix(start) + changelogKey, ...record)
    },
    expire: (limit) => segments.dropExpired(limit),
    otherRows: () => segments.otherRows(),
  }
}
