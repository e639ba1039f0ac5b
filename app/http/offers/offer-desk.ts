import { setTimeout as sleep } from 'node:timers/promises'
import { isUnavailable } from '../../../runtime/index.ts'
import type { Tail } from '../../topics/open-tail.ts'
import { OfferBook } from './offer-book.ts'

/** How often the trips of offered drivers who listen are looked at. */
const LOOK_EVERY_MS = 1000
/** How long the desk stays open when nobody asks. */
const IDLE_MS = 60_000
const POLL_MS = 1000
/** A partition whose end nobody can see does not keep questions waiting for longer. */
const CATCH_UP_MS = 5000

export interface OfferDeskOptions {
  readonly open: () => Promise<Tail>
  /** Whether the trip still waits for a driver. Throws as a query does. */
  readonly isWaiting: (tripId: string) => Promise<boolean>
  readonly onFailed: (error: unknown) => void
  readonly lookEveryMs?: number
}

export interface OfferListener {
  /** The driver's open offers have changed. `json`: a page. */
  readonly changed: (json: string) => void
  /** The desk has lost the topic: listen again. */
  readonly lost: () => void
}

/*
 * Owns the reading of trip.offers in this process, and who listens. The topic is read directly: a store by driver would cost every request
 * ten more records and one more transaction.
 * 1. The topic is read from the first question on, and until nobody has asked or listened for IDLE_MS.
 * 2. A listener gets an offer as soon as its record is read. That its trip found a driver is seen within LOOK_EVERY_MS.
 * 3. When the reading fails, all listeners are told so, and the next question begins it anew.
 */
export class OfferDesk {
  readonly #options: OfferDeskOptions
  readonly #listeners = new Map<string, Set<OfferListener>>()
  readonly #book = new OfferBook()
  #ready: Promise<void> | null = null
  #tail: Tail | null = null
  #askedAt = 0
  #isClosed = false

  constructor(options: OfferDeskOptions) {
    this.#options = options
  }

  /** The driver's open offers as a page of JSON, the latest first. Throws as a query does. */
  async read(driverId: string, limit: number): Promise<string> {
    await this.#caughtUp()
    await this.#look([driverId])
    return this.#book.page(driverId, limit)
  }

  /** Tells the listener of every change until the answer is called. To be called right behind read(). */
  listen(driverId: string, listener: OfferListener): () => void {
    const listeners = this.#listeners.get(driverId) ?? new Set()
    this.#listeners.set(driverId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(driverId) === listeners) this.#listeners.delete(driverId)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#tail?.close()
  }

  #caughtUp(): Promise<void> {
    this.#askedAt = performance.now()
    this.#ready ??= this.#start()
    return this.#ready
  }

  async #start(): Promise<void> {
    try {
      const tail = await this.#options.open()
      if (this.#isClosed) return await tail.close()
      this.#tail = tail
      const { promise, resolve } = Promise.withResolvers<void>()
      void this.#run(tail, resolve)
      await Promise.race([promise, sleep(CATCH_UP_MS, undefined, { ref: false })])
    } catch (error) {
      this.#ready = null
      throw error
    }
  }

  get #isNeeded(): boolean {
    if (this.#isClosed) return false
    return this.#listeners.size > 0 || performance.now() - this.#askedAt < IDLE_MS
  }

  /** Never rejects. */
  async #run(tail: Tail, onCaughtUp: () => void): Promise<void> {
    const { onFailed, lookEveryMs = LOOK_EVERY_MS } = this.#options
    const looks = setInterval(() => {
      this.#look([...this.#listeners.keys()]).catch((error: unknown) => {
        // The store moves or restores: the next look reports it.
        if (!isUnavailable(error)) onFailed(error)
      })
    }, lookEveryMs).unref()
    try {
      await this.#read(tail, onCaughtUp)
    } catch (error) {
      if (!this.#isClosed) onFailed(error)
    }
    clearInterval(looks)
    onCaughtUp()
    this.#ready = null
    this.#tail = null
    this.#book.clear()
    const listeners = [...this.#listeners.values()].flatMap((some) => [...some])
    this.#listeners.clear()
    for (const { lost } of listeners) lost()
    if (!this.#isClosed) await tail.close().catch(onFailed)
  }

  async #read({ reader, behind }: Tail, onCaughtUp: () => void): Promise<void> {
    const late = new Set(behind.map(({ partition }) => partition))
    if (late.size === 0) onCaughtUp()
    while (this.#isNeeded) {
      const changed = new Set<string>()
      for (const { partition, records, position, endOffset } of await reader.poll(POLL_MS)) {
        for (const record of records) for (const driverId of this.#book.add(record)) changed.add(driverId)
        if (position >= endOffset && late.delete(partition) && late.size === 0) onCaughtUp()
      }
      this.#tell(changed)
    }
  }

  /** Drops offers of these drivers whose trips have found a driver or ended. */
  async #look(driverIds: readonly string[]): Promise<void> {
    const tripIds = new Set(driverIds.flatMap((driverId) => this.#book.tripsOf(driverId)))
    const { isWaiting } = this.#options
    const over = await Promise.all([...tripIds].map(async (id) => ((await isWaiting(id)) ? [] : [id])))
    this.#tell(new Set(over.flat().flatMap((tripId) => this.#book.remove(tripId))))
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
