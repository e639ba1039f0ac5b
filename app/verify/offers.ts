import { isLater, type Mark, type TripEvent } from '../../processors/events/ride-event.ts'
import { distanceMeters } from '../../processors/geo/great-circle.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { TRIP_OFFERS_TOPIC } from '../../processors/topics.ts'
import { OFFER_RADIUS_M } from '../../processors/trip-offers/area-questions.ts'
import { indexInputSerde } from '../../processors/trip-offers/index-input.ts'
import { MAX_OFFERS } from '../../processors/trip-offers/offer.ts'
import { areaAnswerSerde, openOfferKey, type TripOffers } from '../../processors/trip-offers/offer-gathering.ts'
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
  /** Changelogs of the stores. */
  readonly open: string
  readonly repeated: string
  /** Retention has removed requests; offers. */
  readonly isInputGone: boolean
  readonly isOutputGone: boolean
  readonly isRewound: boolean
}

const TOLERANCE_M = 1e-6

/*
 * Checks what trip.offers and its stores must hold whatever the order in which requests and drivers met. The input does not
 * determine which drivers were near at that moment: that is not compared.
 * 1. Each record is for one of the trip's requests, in their order, none twice, the last one for the last request.
 * 2. In it: at most ten drivers, none twice, within 5 km, nearest first, distances right.
 * 3. open-offers holds requests on their way and nothing else; repeated-offers the last request of trips that had several.
 */
export class OfferFold {
  readonly #options: OfferFoldOptions
  /** Requests in the partition being read. */
  readonly #requests = new Map<string, Request[]>()
  /** Last request of trips that had several. */
  readonly #repeated = new Map<string, Mark>()
  readonly #offered = new Map<string, Offered>()
  /** Requests on their way, as open-offers names them, and their trips. */
  readonly #onTheWay = new Set<string>()
  readonly #pendingTrips = new Set<string>()

  constructor(options: OfferFoldOptions) {
    this.#options = options
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

  /** On its way to the index. */
  addPendingQuestion({ value }: LogRecord): void {
    if (value === null) return
    const input = indexInputSerde.deserialize('', value)
    if (input.type === 'question') this.#addPending(input.tripId, input.request)
  }

  /** On its way from the index. */
  addPendingAnswer({ key, value }: LogRecord): void {
    if (key !== null && value !== null) this.#addPending(keyName(key), areaAnswerSerde.deserialize('', value).request)
  }

  openStore(): LatestValues {
    return new LatestValues({ topic: this.#options.open, expected: () => null, canonical: (bytes) => bytes })
  }

  reportOpen(rows: LatestValues, differences: Differences): void {
    rows.report(differences, [], (key) => this.#onTheWay.has(key))
  }

  repeatedStore(): LatestValues {
    const text = ({ at, sub, eventId }: Mark): string => JSON.stringify({ at, sub, eventId })
    return new LatestValues({
      topic: this.#options.repeated,
      expected: (tripId) => {
        const last = this.#repeated.get(tripId)
        return last === undefined ? null : text(last)
      },
      canonical: (bytes) => text(JSON.parse(bytes.toString('utf8')) as Mark),
    })
  }

  reportRepeated(rows: LatestValues, differences: Differences): void {
    const excuse = (tripId: string): boolean => {
      if (!this.#options.isInputGone && !this.#pendingTrips.has(tripId)) return false
      differences.unjudged(this.#options.repeated)
      return true
    }
    rows.report(differences, this.#repeated.keys(), excuse, (tripId) => this.#pendingTrips.has(tripId))
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

  /** Reports on the partition that was read, and keeps only what repeatedStore() needs of it. */
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
    for (const [key, requests] of this.#requests) {
      const last = requests.at(-1)
      if (last !== undefined && requests.length > 1) this.#repeated.set(key, last)
    }
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

  #addPending(tripId: string, request: Mark): void {
    this.#pendingTrips.add(tripId)
    this.#onTheWay.add(openOfferKey(tripId, request))
  }
}

/** How the value of every offer for that request begins. */
function askedFor(tripId: string, at: number, pickup: Place): string {
  const value = { tripId, requestedAt: formatInstant(at), pickup }
  return `${JSON.stringify(value).slice(0, -1)},"offers":`
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
