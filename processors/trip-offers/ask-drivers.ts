import { type Processor, type ProcessorContext, record, type StreamRecord } from '../../topology/index.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'
import { type AskedBatch, batchName, headerTexts, NO_REQUESTS, type OfferRequest } from './asked-batch.ts'
import type { Pickup } from './nearest.ts'
import { tracesOf } from './request-traces.ts'
import { WAITED_FOR } from './waited-for.ts'

/** Requests in one record, so that the rows of drivers that answer it are not too many for one. */
const MOST_REQUESTS = 64
/** Characters of text in one record that do not come from one request alone. */
const MOST_TEXT = 65_536

/*
 * Asks every task of drivers who is near. Requests are few beside positions, so they go to the drivers, and not the other way round.
 *
 * Invariants:
 * 1. What is gathered is forwarded before the commit, in the order of the requests.
 */
export class AskDrivers implements Processor<string, TripStep, string, AskedBatch> {
  readonly #driverTtlMs: number
  #context!: ProcessorContext<string, AskedBatch>
  #requests: OfferRequest[] = []
  #pickups: Pickup[] = []
  #text = 0
  /** Offset of the first request. */
  #first = -1
  #earliest = Number.POSITIVE_INFINITY

  /** @param driverTtlMs silent for longer before the request = not offered; 0 = no limit */
  constructor(driverTtlMs: number) {
    this.#driverTtlMs = driverTtlMs
  }

  init(context: ProcessorContext<string, AskedBatch>): void {
    this.#context = context
    context.beforeCommit(() => this.#send())
  }

  process({ key: tripId, value: { before, after }, timestamp, headers }: StreamRecord<string, TripStep>): void {
    const { requested } = after
    if (requested === null || requested === before.requested) return
    const { at, pickup } = requested
    const { lat, lng, address } = pickup
    if (this.#requests.length === 0) this.#first = this.#context.recordMetadata()?.offset ?? -1
    this.#requests.push([tripId, at, lat, lng, address, timestamp, headerTexts(headers)])
    this.#pickups.push({ lat, lng, since: this.#driverTtlMs > 0 ? at - this.#driverTtlMs : Number.NEGATIVE_INFINITY })
    this.#text += tripId.length + (address?.length ?? 0)
    this.#earliest = Math.min(this.#earliest, timestamp)
    this.#context.commit(WAITED_FOR)
    if (this.#requests.length >= MOST_REQUESTS || this.#text >= MOST_TEXT) this.#send()
  }

  #send(): void {
    const requests = this.#requests
    if (requests.length === 0) return
    const { partition } = this.#context
    const name = batchName(partition, this.#first, requests.length)
    const pickups = this.#pickups
    const headers = tracesOf(requests)
    const withRequests = Buffer.from(JSON.stringify(requests), 'utf8')
    const timestamp = this.#earliest
    this.#requests = []
    this.#pickups = []
    this.#text = 0
    this.#earliest = Number.POSITIVE_INFINITY
    for (const carried of [withRequests, NO_REQUESTS]) {
      const asked: AskedBatch = { type: 'asked', asker: partition, pickups, requests: carried }
      this.#context.forward(record(name, asked, timestamp, headers))
    }
  }
}
