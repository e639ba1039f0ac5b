/*
 * Session store: rows by key and session (start, inclusive end).
 *
 * Storage key: segment of the end | key | end (8 bytes) | start (8 bytes). Changelog key: the same without the
 * segment, as Kafka Streams writes it.
 */
import { decodeLong, encodeLong } from '../keys/binary-number.ts'
import type { SessionSpec } from '../ports/store-spec.ts'
import type { CopyingStore, FlushedRows, SessionStore, Window, Windowed } from '../ports/stores.ts'
import type { KeyCodec } from './key-codec.ts'
import { restoredRow, type StoreKind, type StoreParts } from './layered-store.ts'
import { ObservedTime } from './observed-time.ts'
import { RowShape } from './row-shape.ts'
import { nextSegment, SEGMENT_BYTES, Segments } from './segments.ts'
import { TimedView } from './timed-view.ts'

const TIME_BYTES = 8
const TAIL_BYTES = 2 * TIME_BYTES
/** Few segments, because every search runs from an early end to the observed stream time. */
const MAX_SEGMENTS = 4

/** Storage keys of a session store. */
class SessionKeys {
  readonly #keys: KeyCodec<unknown>
  readonly #segments: Segments

  constructor(keys: KeyCodec<unknown>, segments: Segments) {
    this.#keys = keys
    this.#segments = segments
  }

  storage(key: unknown, start: number, end: number): string {
    return this.#segments.prefix(end) + this.#keys.encode(key) + encodeLong(end) + encodeLong(start)
  }

  startOf(storageKey: string): number {
    return decodeLong(storageKey, storageKey.length - TIME_BYTES)
  }

  endOf(storageKey: string): number {
    return decodeLong(storageKey, storageKey.length - TAIL_BYTES)
  }

  keyOf(storageKey: string): string {
    return storageKey.slice(SEGMENT_BYTES, -TAIL_BYTES)
  }

  windowed(storageKey: string): Windowed<unknown> {
    return { key: this.#keys.decode(this.keyOf(storageKey)), window: this.window(storageKey) }
  }

  window(storageKey: string): Window {
    return { start: this.startOf(storageKey), end: this.endOf(storageKey) }
  }
}

interface SessionParts extends StoreParts<SessionSpec> {
  readonly observed: ObservedTime
  readonly segments: Segments
  readonly sessionKeys: SessionKeys
  readonly shape: RowShape
}

class SessionApi implements SessionStore<unknown, unknown>, CopyingStore, FlushedRows<Windowed<unknown>, unknown> {
  readonly name: string
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.name = parts.spec.name
    this.#parts = parts
  }

  copyOf<V>(value: V): V {
    return this.#parts.shape.copyOf(value) as V
  }

  put({ key, window }: Windowed<unknown>, value: unknown): void {
    const { layers, observed, segments, sessionKeys, shape, context, onDropped } = this.#parts
    const timestamp = context.recordTimestamp()
    observed.observe(window.end)
    if (segments.isExpired(window.end)) {
      onDropped('expired-session')
      return
    }
    const row = value === null ? null : shape.toRow(value)
    layers.put(sessionKeys.storage(key, window.start, window.end), row, timestamp)
  }

  remove(session: Windowed<unknown>): void {
    this.put(session, null)
  }

  fetchSession(key: unknown, start: number, end: number): unknown {
    const { layers, segments, sessionKeys, shape } = this.#parts
    if (start < 0 || segments.isExpired(end)) return null
    const row = layers.get(sessionKeys.storage(key, start, end))
    return row === null ? null : shape.stored(row)
  }

  getFlushed({ key, window: { start, end } }: Windowed<unknown>): unknown {
    const { layers, segments, sessionKeys, shape } = this.#parts
    if (start < 0 || segments.isExpired(end)) return null
    const row = layers.getFlushed(sessionKeys.storage(key, start, end))
    return row === null ? null : shape.stored(row)
  }

  findSessions(
    key: unknown,
    earliestEnd: number,
    latestStart: number,
  ): Iterable<readonly [Windowed<unknown>, unknown]> {
    return this.#find(key, earliestEnd, latestStart)
  }

  fetch(key: unknown): Iterable<readonly [Windowed<unknown>, unknown]> {
    return this.#find(key, 0, Number.MAX_SAFE_INTEGER)
  }

  *all(): Iterable<readonly [Windowed<unknown>, unknown]> {
    const { layers, segments, sessionKeys, observed } = this.#parts
    const { earliest } = segments
    for (const prefix of segments.prefixes(earliest, observed.now, false)) {
      const found: string[] = []
      for (const storageKey of layers.keys({ from: prefix, to: nextSegment(prefix) })) {
        if (sessionKeys.endOf(storageKey) >= earliest) found.push(storageKey)
      }
      // Within a segment rows lie by key, end, start; by end first is what callers get.
      const ends = new Map(found.map((storageKey) => [storageKey, sessionKeys.endOf(storageKey)]))
      found.sort((a, b) => (ends.get(a) as number) - (ends.get(b) as number) || this.#byKey(a, b))
      for (const storageKey of found) yield* this.#entry(storageKey)
    }
  }

  *#find(key: unknown, earliestEnd: number, latestStart: number): Generator<readonly [Windowed<unknown>, unknown]> {
    const { layers, segments, sessionKeys, observed, keys } = this.#parts
    const first = Math.max(earliestEnd, segments.earliest)
    if (observed.now < first) return
    const binary = keys.encode(key)
    const length = SEGMENT_BYTES + binary.length + TAIL_BYTES
    for (const segment of segments.prefixes(first, observed.now, false)) {
      const prefix = segment + binary
      for (const storageKey of layers.keys({
        from: prefix + encodeLong(first),
        to: prefix + encodeLong(observed.now + 1),
      })) {
        // A longer key that starts with this one may lie between.
        if (storageKey.length !== length || sessionKeys.startOf(storageKey) > latestStart) continue
        yield* this.#entry(storageKey)
      }
    }
  }

  *#entry(storageKey: string): Generator<readonly [Windowed<unknown>, unknown]> {
    const { layers, sessionKeys, shape } = this.#parts
    const row = layers.get(storageKey)
    if (row !== null) yield [sessionKeys.windowed(storageKey), shape.stored(row)]
  }

  #byKey(a: string, b: string): number {
    const { sessionKeys } = this.#parts
    const [keyOfA, keyOfB] = [sessionKeys.keyOf(a), sessionKeys.keyOf(b)]
    if (keyOfA === keyOfB) return sessionKeys.startOf(a) - sessionKeys.startOf(b)
    return keyOfA < keyOfB ? -1 : 1
  }
}

export function sessionKind(parts: StoreParts<SessionSpec>): StoreKind<unknown> {
  const { spec, layers, keys, context, values, backend, note } = parts
  const observed = new ObservedTime(note.observed)
  const intervalMs = spec.retentionMs / MAX_SEGMENTS
  const segments = new Segments({ layers, observed, retentionMs: spec.retentionMs, intervalMs })
  const sessionKeys = new SessionKeys(keys, segments)
  const shape = new RowShape({ timestamped: false, keepHeaders: spec.headers === true, context, values })
  return {
    api: new SessionApi({ ...parts, observed, segments, sessionKeys, shape }),
    committed: new TimedView({
      name: spec.name,
      layers,
      backend,
      segments,
      tailBytes: TIME_BYTES,
      window: (storageKey) => sessionKeys.window(storageKey),
    }),
    observed,
    flushedKey: (storageKey) => sessionKeys.windowed(storageKey),
    flushedValue: (row) => values.read(row.value),
    changelogKey: (storageKey) => storageKey.slice(SEGMENT_BYTES),
    restored: (changelogKey, ...record) => {
      const end = decodeLong(changelogKey, changelogKey.length - TAIL_BYTES)
      observed.restore(end)
      return restoredRow(segments.prefix(end) + changelogKey, ...record)
    },
    expire: (limit) => segments.dropExpired(limit),
    otherRows: () => segments.otherRows(),
  }
}
