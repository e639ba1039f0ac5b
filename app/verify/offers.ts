import { isLater, type Mark, type TripEvent } from '../../processors/events/ride-event.ts'
import { distanceMeters } from '../../processors/geo/great-circle.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { TRIP_OFFERS_TOPIC } from '../../processors/topics.ts'
import { askedSerde, type OfferRequest, requestsIn } from '../../processors/trip-offers/asked-batch.ts'
import { foundSerde } from '../../processors/trip-offers/found-batch.ts'
import { MAX_OFFERS, OFFER_RADIUS_M } from '../../processors/trip-offers/offer.ts'
import { openBatchSerde, type TripOffers } from '../../processors/trip-offers/offer-gathering.ts'
import type { Place } from '../../processors/trip-state/trip.ts'
import type { LogRecord } from '../../runtime/index.ts'
import type { Differences } from './differences.ts'
import { keyName } from './key-name.ts'
import { LatestValues } from './latest-values.ts'

type Requested = Extract<TripEvent, { type: 'trip.requested' }>

/** One request of a trip that asked for drivers. */
interface Request extends Mark {
  /** The beginning of the text of an offer for it. */
  readonly asked: string
}

interface Offered {
  /** Index of the last request that was offered; -1: none of those that are known. */
  readonly last: number
  readonly text: string
  /** The first wrong record and its fault; null while all are right. */
  readonly wrong: { readonly expected: string; readonly found: string; readonly kind: 'different' | 'repeated' } | null
}

export interface OfferFoldOptions {
  /** Changelog of the store. */
  readonly open: string
  /** Retention has removed requests; offers. */
  readonly isInputGone: boolean
  readonly isOutputGone: boolean
  readonly isRewound: boolean
}

const TOLERANCE_M = 1e-6

/*
 * Checks what trip.offers and its store must hold whatever the order in which requests and drivers met. The input does not
 * determine which drivers were near at that moment: that is not compared.
 * 1. Each record is for one of the trip's requests, in their order, none twice, the last one for the last request.
 * 2. In it: at most ten drivers, none twice, within 5 km, nearest first, distances right.
 * 3. The store holds batches of requests that are on their way, and nothing else.
 */
export class OfferFold {
  readonly #options: OfferFoldOptions
  /** Requests in the partition being read. */
  readonly #requests = new Map<string, Request[]>()
  readonly #offered = new Map<string, Offered>()
  /** Names of batches on their way. */
  readonly #onTheWay = new Set<string>()
  readonly #pendingTrips = new Set<string>()
  /** Rows of the store, by the batch's name. */
  readonly #open = new Map<string, Buffer>()
  readonly #rows: LatestValues

  constructor(options: OfferFoldOptions) {
    this.#options = options
    this.#rows = new LatestValues({ topic: options.open, expected: () => null, canonical: (bytes) => bytes })
  }

  /** In offset order. */
  add({ data, at, sub, eventId }: Requested): void {
    const { tripId, pickup } = data
    const requests = this.#requests.get(tripId) ?? []
    const last = requests.at(-1)
    if (last !== undefined && !isLater({ at, sub, eventId }, last)) return
    const asked = askedFor(tripId, at, { lat: pickup.lat, lng: pickup.lng, address: pickup.address ?? null })
    this.#requests.set(tripId, [...requests, { at, sub, eventId, asked }])
  }

  /** On its way to the drivers. */
  addPendingAsked({ key, value }: LogRecord): void {
    if (value !== null) this.#addPending(keyName(key), requestsIn(askedSerde.deserialize('', value).requests))
  }

  /** On its way from the drivers. */
  addPendingFound({ key, value }: LogRecord): void {
    if (value !== null) this.#addPending(keyName(key), requestsIn(foundSerde.deserialize('', value).requests))
  }

  /** The next record of the store's changelog. */
  addOpen(record: LogRecord): void {
    this.#rows.add(record)
    const name = keyName(record.key)
    if (record.value === null) this.#open.delete(name)
    else this.#open.set(name, record.value)
  }

  /** All pending records and rows of the store have been read. */
  openRead(): void {
    for (const [name, row] of this.#open) if (this.#onTheWay.has(name)) this.#addPending(name, requestsOfRow(row))
    this.#open.clear()
  }

  reportOpen(differences: Differences): void {
    this.#rows.report(differences, [], (key) => this.#onTheWay.has(key))
  }

  /** The next record of trip.offers. */
  addOffer({ key, value }: LogRecord): void {
    const tripId = keyName(key)
    const text = value === null ? 'null' : value.toString('utf8')
    const before = this.#offered.get(tripId) ?? { last: -1, text, wrong: null }
    const requests = this.#requests.get(tripId) ?? []
    // Two requests may ask the same of the same millisecond.
    const next = requests.findIndex(({ asked }, i) => i > before.last && text.startsWith(asked))
    const at = next >= 0 ? next : requests.findIndex(({ asked }) => text.startsWith(asked))
    const wrong = before.wrong ?? this.#problem(text, requests, { at, isNext: next >= 0 })
    this.#offered.set(tripId, {
      last: Math.max(at, before.last),
      text,
      wrong,
    })
  }

  /** Reports on the partition that was read, and forgets it. */
  reportOutput(differences: Differences): void {
    const topic = TRIP_OFFERS_TOPIC
    const { isInputGone, isOutputGone, isRewound } = this.#options
    differences.checked(topic, this.#offered.size)
    for (const [key, { wrong, text, last }] of this.#offered) {
      const requests = this.#requests.get(key)
      if (wrong !== null) differences.add({ topic, key, ...wrong })
      else if (requests === undefined || last < 0) {
        if (isInputGone || isRewound) differences.unjudged(topic)
        else differences.add({ topic, key, kind: 'unexpected', expected: null, found: text })
      } else if (requests[last]?.asked !== requests.at(-1)?.asked && !this.#pendingTrips.has(key)) {
        differences.add({ topic, key, kind: 'missing', expected: `${requests.at(-1)?.asked}…`, found: text })
      }
    }
    for (const [key, requests] of this.#requests) {
      if (this.#offered.has(key)) continue
      if (isOutputGone || this.#pendingTrips.has(key)) differences.unjudged(topic)
      else differences.add({ topic, key, kind: 'missing', expected: `${requests.at(-1)?.asked}…`, found: null })
    }
    this.#offered.clear()
    this.#requests.clear()
  }

  /** Names the fault of one record by itself. `at`: the request it is for, -1 = none that is known. */
  #problem(
    text: string,
    requests: readonly Request[],
    { at, isNext }: { at: number; isNext: boolean },
  ): Offered['wrong'] {
    const different = (expected: string): Offered['wrong'] => ({ kind: 'different', expected, found: text })
    const { isInputGone, isRewound } = this.#options
    const last = requests.at(-1)
    if (at < 0) return last === undefined || isInputGone ? null : different(`${last.asked}…`)
    const problem = offerProblem(text)
    if (problem !== null) return different(problem)
    return isNext || isRewound ? null : { kind: 'repeated', expected: 'one offer', found: text }
  }

  #addPending(name: string, requests: readonly OfferRequest[]): void {
    this.#onTheWay.add(name)
    for (const [tripId] of requests) this.#pendingTrips.add(tripId)
  }
}

/** How the value of every offer for that request begins. */
function askedFor(tripId: string, at: number, pickup: Place): string {
  const value = { tripId, requestedAt: formatInstant(at), pickup }
  return `${JSON.stringify(value).slice(0, -1)},"offers":`
}

/** The requests of a row; none when it is no row of ours (then it differs). */
function requestsOfRow(row: Buffer): readonly OfferRequest[] {
  try {
    return openBatchSerde.deserialize('', row).answers.flatMap(({ requests }) => requestsIn(requests))
  } catch {
    return []
  }
}

/** Invariant 2; null when nothing is wrong. */
function offerProblem(text: string): string | null {
  let value: TripOffers
  try {
    value = JSON.parse(text) as TripOffers
  } catch {
    return 'JSON'
  }
  const { offers, pickup } = value
  if (!Array.isArray(offers) || offers.length > MAX_OFFERS) return `at most ${MAX_OFFERS} offers`
  if (new Set(offers.map(({ driverId }) => driverId)).size < offers.length) return 'each driver once'
  for (const [i, offer] of offers.entries()) {
    const exact = distanceMeters(pickup, offer)
    if (!(Math.abs(offer.distanceMeters - exact) <= TOLERANCE_M)) return `${offer.driverId} at ${exact} m`
    if (offer.distanceMeters > OFFER_RADIUS_M) return `offers within ${OFFER_RADIUS_M} m`
    const before = offers[i - 1]
    if (before !== undefined && before.distanceMeters > offer.distanceMeters) return 'the nearest first'
  }
  return null
}
