import { setTimeout as sleep } from 'node:timers/promises'
import { TRACEPARENT } from '../../../processors/events/correlation-headers.ts'
import { TRIP_OFFERS_TOPIC } from '../../../processors/topics.ts'
import {
  isUnavailable,
  type LogRecord,
  type RecordSpan,
  type RecordTracer,
  StoreUnavailableError,
} from '../../../runtime/index.ts'
import type { Tail } from '../../topics/open-tail.ts'
import { OfferBook } from './offer-book.ts'

/** Pause between two looks at the trips of offered drivers who listen. */
const LOOK_EVERY_MS = 1000
/** Trips that a look asks about at the same time. */
const LOOKS_AT_ONCE = 100
/** How long the desk stays open when nobody asks. */
const IDLE_MS = 60_000
const POLL_MS = 1000
/** A partition whose end nobody can see does not keep questions waiting for longer. */
const CATCH_UP_MS = 5000

export interface OfferDeskOptions {
  readonly open: () => Promise<Tail>
  /** Whether the trip may still wait for a driver. Throws as a query does. */
  readonly isWaiting: (tripId: string) => Promise<boolean>
  readonly onFailed: (error: unknown) => void
  /** Traces the pushes of those offers whose requests are traced. */
  readonly tracer?: RecordTracer | null
  readonly lookEveryMs?: number
  readonly catchUpMs?: number
}

export interface OfferListener {
  /** The driver's open offers. `json`: a page. */
  readonly changed: (json: string) => void
  /** The desk has lost the topic: listen again. */
  readonly lost: () => void
}

/*
 * Owns the reading of trip.offers in this process, and who listens. The topic is read directly: a store by driver would cost every request
 * ten more records and one more transaction.
 * 1. The topic is read from the first question on, and until nobody has asked or listened for IDLE_MS.
 * 2. A listener gets an offer as soon as its record is read. The next look sees that its trip found a driver; looks do not overlap.
 * 3. When the reading fails, all questions and listeners that wait are told so, and the next question begins it anew.
 * 4. A page comes from a reading that has seen the ends of all partitions. Without one a question fails, and a listener is lost.
 */
export class OfferDesk {
  readonly #options: OfferDeskOptions
  readonly #listeners = new Map<string, Set<OfferListener>>()
  readonly #book = new OfferBook()
  /** Questions about trips that are on their way, so that each trip has one at most. */
  readonly #asked = new Map<string, Promise<boolean>>()
  /** The reading; it resolves when that has caught up. */
  #ready: Promise<void> | null = null
  #hasCaughtUp = false
  #tail: Tail | null = null
  #askedAt = 0
  #isClosed = false

  constructor(options: OfferDeskOptions) {
    this.#options = options
  }

  /**
   * The driver's open offers as a page of JSON, the latest request first. Throws as a query does, and what open() and the reader throw.
   * @throws StoreUnavailableError when the topic is not read to its end within 5 s
   */
  async read(driverId: string, limit: number): Promise<string> {
    await this.#caughtUp()
    await this.#look([driverId])
    if (!this.#hasCaughtUp) throw ended()
    return this.#book.page(driverId, limit)
  }

  /** Tells the listener the page now, and after every change until the answer is called. To be called right behind read(). */
  listen(driverId: string, listener: OfferListener): () => void {
    if (!this.#hasCaughtUp) {
      listener.lost()
      return () => undefined
    }
    const listeners = this.#listeners.get(driverId) ?? new Set()
    this.#listeners.set(driverId, listeners.add(listener))
    listener.changed(this.#book.page(driverId))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(driverId) === listeners) this.#listeners.delete(driverId)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#tail?.close()
  }

  async #caughtUp(): Promise<void> {
    this.#askedAt = performance.now()
    if (this.#hasCaughtUp) return
    this.#ready ??= this.#start()
    const late = async () => {
      await sleep(this.#options.catchUpMs ?? CATCH_UP_MS, undefined, { ref: false })
      throw new StoreUnavailableError('trip.offers has not been read to its end yet')
    }
    await Promise.race([this.#ready, late()])
  }

  #start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onCaughtUp = () => {
      this.#hasCaughtUp = true
      resolve()
    }
    void this.#run(onCaughtUp, reject)
    return promise
  }

  get #isNeeded(): boolean {
    if (this.#isClosed) return false
    return this.#listeners.size > 0 || performance.now() - this.#askedAt < IDLE_MS
  }

  /** Never rejects. */
  async #run(onCaughtUp: () => void, onEnded: (reason: unknown) => void): Promise<void> {
    const { open, onFailed } = this.#options
    let tail: Tail
    try {
      tail = await open()
    } catch (error) {
      this.#ready = null
      return onEnded(error)
    }
    let reason: unknown = ended()
    this.#tail = tail
    void this.#lookOn(tail)
    try {
      await this.#read(tail, onCaughtUp)
    } catch (error) {
      reason = error
      if (!this.#isClosed) onFailed(error)
    }
    this.#ready = null
    this.#hasCaughtUp = false
    this.#tail = null
    this.#book.clear()
    onEnded(reason)
    const listeners = [...this.#listeners.values()].flatMap((some) => [...some])
    this.#listeners.clear()
    for (const { lost } of listeners) lost()
    await tail.close().catch(onFailed)
  }

  async #read({ reader, behind }: Tail, onCaughtUp: () => void): Promise<void> {
    const late = new Set(behind.map(({ partition }) => partition))
    if (late.size === 0) onCaughtUp()
    while (this.#isNeeded) {
      const changed = new Set<string>()
      const pushes: RecordSpan[] = []
      for (const { partition, records, position, endOffset } of await reader.poll(POLL_MS)) {
        for (const record of records) {
          const driverIds = this.#book.add(record)
          for (const driverId of driverIds) changed.add(driverId)
          const push = this.#beginPush(driverIds, partition, record)
          if (push !== null) pushes.push(push)
        }
        if (position >= endOffset && late.delete(partition) && late.size === 0) onCaughtUp()
      }
      this.#tell(changed)
      for (const push of pushes) push.end(null)
    }
  }

  /** A push goes on a trace and begins none. */
  #beginPush(driverIds: readonly string[], partition: number, { offset, headers }: LogRecord): RecordSpan | null {
    const { tracer } = this.#options
    if (tracer === undefined || tracer === null || !driverIds.some((id) => this.#listeners.has(id))) return null
    if (![...headers].some(({ key }) => key === TRACEPARENT)) return null
    return tracer.begin({ topic: TRIP_OFFERS_TOPIC, partition, offset, headers, operation: 'push' })
  }

  /** Looks, pauses, and looks again while that tail is read. Never rejects. */
  async #lookOn(tail: Tail): Promise<void> {
    const { onFailed, lookEveryMs = LOOK_EVERY_MS } = this.#options
    while (true) {
      await sleep(lookEveryMs, undefined, { ref: false })
      if (this.#tail !== tail) return
      try {
        await this.#look([...this.#listeners.keys()])
      } catch (error) {
        // The store moves or restores: the next look reports it.
        if (!isUnavailable(error) && !this.#isClosed) onFailed(error)
      }
    }
  }

  /** Drops offers of these drivers whose trips have found a driver or ended. Throws only after it has asked about all of them. */
  async #look(driverIds: readonly string[]): Promise<void> {
    const tripIds = [...new Set(driverIds.flatMap((driverId) => this.#book.tripsOf(driverId)))]
    const errors: unknown[] = []
    for (let at = 0; at < tripIds.length && !this.#isClosed; at += LOOKS_AT_ONCE) {
      const some = tripIds.slice(at, at + LOOKS_AT_ONCE)
      const answers = await Promise.allSettled(some.map((tripId) => this.#isWaiting(tripId)))
      const changed = new Set<string>()
      for (const [i, answer] of answers.entries()) {
        if (answer.status === 'rejected') errors.push(answer.reason)
        else if (!answer.value) for (const driverId of this.#book.remove(some[i] ?? '')) changed.add(driverId)
      }
      this.#tell(changed)
    }
    if (errors.length > 0) throw errors.find((error) => !isUnavailable(error)) ?? errors[0]
  }

  #isWaiting(tripId: string): Promise<boolean> {
    const onItsWay = this.#asked.get(tripId)
    if (onItsWay !== undefined) return onItsWay
    const answer = this.#options.isWaiting(tripId).finally(() => this.#asked.delete(tripId))
    this.#asked.set(tripId, answer)
    return answer
  }

  #tell(driverIds: ReadonlySet<string>): void {
    for (const driverId of driverIds) {
      const listeners = this.#listeners.get(driverId)
      if (listeners === undefined) continue
      const json = this.#book.page(driverId)
      for (const { changed } of listeners) changed(json)
    }
  }
}

function ended(): StoreUnavailableError {
  return new StoreUnavailableError('trip.offers is not read any more: the next question begins anew')
}
