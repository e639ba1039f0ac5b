import { type Headers, NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange } from '../../state/ports/managed-store.ts'
import type { CopyingStore, SessionStore, Window, Windowed } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import type { SessionWindows } from '../windows.ts'
import { type Change, change } from './change.ts'
import { LateRecords } from './late-records.ts'
import { EMITTED, OBSERVED, timeOf } from './operator-times.ts'
import type { WindowAggregateSettings } from './window-aggregate-processor.ts'
import type { SessionFold } from './window-fold.ts'

/**
 * Aggregates into sessions: a record joins all sessions of its key within the gap into one. The sessions that were
 * merged are deleted (a change to null), the new one is upserted. Timestamps of results are the ends of sessions.
 */
export class SessionWindowAggregateProcessor<K, V, A> implements Processor<K, V, Windowed<K>, Change<A>> {
  readonly #windows: SessionWindows
  readonly #fold: SessionFold<K, V, A>
  readonly #settings: WindowAggregateSettings
  #context!: ProcessorContext<Windowed<K>, Change<A>>
  #store!: SessionStore<K, A> & CopyingStore
  #observed!: KeptNumber
  #emitted!: KeptNumber
  #late!: LateRecords

  constructor(windows: SessionWindows, fold: SessionFold<K, V, A>, settings: WindowAggregateSettings) {
    this.#windows = windows
    this.#fold = fold
    this.#settings = settings
  }

  init(context: ProcessorContext<Windowed<K>, Change<A>>): void {
    const { storeName, caching, lateChild, member = 0 } = this.#settings
    this.#context = context
    this.#store = context.store(storeName)
    this.#observed = context.keptNumber(storeName, timeOf(OBSERVED, member))
    this.#emitted = context.keptNumber(storeName, timeOf(EMITTED, member))
    this.#late = new LateRecords(context, lateChild)
    if (caching) context.onStoreFlush(storeName, (flushed) => this.#flush(flushed as FlushedChange<Windowed<K>, A>))
    if (this.#settings.closes)
      context.onIdleTick?.({ due: () => this.#due(), tick: (streamTime) => this.#tick(streamTime) })
  }

  process(input: StreamRecord<K, V>): void {
    const { key, value, timestamp } = input
    if (key === null) {
      this.#context.drop('null-key')
      return
    }
    const { inactivityGapMs } = this.#windows
    this.#observed.advance(timestamp)
    const closeTime = this.#closeTime
    this.#emitClosed(input.headers, closeTime)
    let aggregate = this.#fold.initial()
    let merged: Window = { start: timestamp, end: timestamp }
    const sessions = [...this.#store.findSessions(key, timestamp - inactivityGapMs, timestamp + inactivityGapMs)]
    // Merging may change an aggregate in place.
    const before = this.#sendsOldValues ? sessions.map(([, row]) => this.#store.copyOf(row)) : []
    for (const [session, row] of sessions) {
      aggregate = this.#fold.merge(key, aggregate, row)
      const { start, end } = session.window
      merged = { start: Math.min(merged.start, start), end: Math.max(merged.end, end) }
    }
    if (merged.end < closeTime) {
      this.#late.count()
      this.#late.send(input)
    } else {
      if (merged.start !== timestamp || merged.end !== timestamp)
        for (const [i, [session]] of sessions.entries()) {
          this.#store.remove(session)
          this.#update(session, before[i] ?? null, null)
        }
      aggregate = this.#fold.add(key, value, aggregate)
      const session = { key, window: merged }
      this.#store.put(session, aggregate)
      this.#update(session, null, aggregate)
    }
  }

  #update(session: Windowed<K>, oldValue: A | null, newValue: A | null): void {
    const { emit, caching } = this.#settings
    if (caching || emit === 'on-window-close') return
    // Kafka Streams sends these without headers.
    const row = change(newValue, oldValue)
    this.#context.forward(record(session, row, session.window.end, NO_HEADERS))
  }

  #flush(flushed: FlushedChange<Windowed<K>, A>): void {
    const { key, newValue, headers } = flushed
    const row = change(newValue, this.#settings.sendOldValues ? flushed.oldValue : null)
    this.#context.forward(record(key, row, key.window.end, headers))
  }

  get #sendsOldValues(): boolean {
    return this.#settings.sendOldValues && !this.#settings.caching
  }

  /** Sessions that end before this time are closed. */
  get #closeTime(): number {
    return this.#observed.value - this.#windows.graceMs - this.#windows.inactivityGapMs
  }

  #due(): number {
    if (this.#settings.emit !== 'on-window-close') return Number.POSITIVE_INFINITY
    const sent = Math.max(0, this.#emitted.value)
    for (const [{ window }] of this.#store.all())
      if (window.end >= sent) return window.end + this.#windows.graceMs + this.#windows.inactivityGapMs + 1
    return Number.POSITIVE_INFINITY
  }

  #tick(streamTime: number): void {
    this.#observed.advance(streamTime)
    this.#emitClosed(NO_HEADERS, this.#closeTime)
  }

  #emitClosed(headers: Headers, closeTime: number): void {
    if (this.#settings.emit !== 'on-window-close') return
    const last = this.#emitted.value
    const to = closeTime - 1
    if ((last !== -1 && last >= closeTime) || to < Math.max(0, last)) return
    const closed: Array<readonly [Windowed<K>, A]> = []
    for (const row of this.#store.all()) {
      if (row[0].window.end > to) break
      if (row[0].window.end >= Math.max(0, last)) closed.push(row)
    }
    // By end, then start, then (as the store has them) key.
    closed.sort(([a], [b]) => a.window.end - b.window.end || a.window.start - b.window.start)
    for (const [session, row] of closed)
      this.#context.forward(record(session, change(row, null), session.window.end, headers))
    this.#emitted.advance(closeTime)
  }
}
