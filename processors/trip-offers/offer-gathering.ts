import {
  type FixedKeyProcessor,
  jsonSerde,
  type KeyValueSpec,
  type KeyValueStore,
  keyValueStore,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
} from '../../topology/index.ts'
import { compositeKey } from '../composite-key.ts'
import { keySerde } from '../events/event-serde.ts'
import { isLater, type Mark } from '../events/ride-event.ts'
import { formatInstant } from '../time/format-instant.ts'
import type { Place } from '../trip-state/trip.ts'
import { type Candidate, nearest } from './offer.ts'

/** The answer of one area to a request. */
export interface AreaAnswer {
  readonly request: Mark
  readonly isRepeated: boolean
  readonly pickup: Place
  readonly areas: number
  readonly area: string
  readonly candidates: readonly Candidate[]
}

export const areaAnswerSerde: Serde<AreaAnswer> = jsonSerde()

/** Value of topic trip.offers. */
export interface TripOffers {
  readonly tripId: string
  /** UTC with milliseconds. */
  readonly requestedAt: string
  readonly pickup: Place
  /** Nearest first. */
  readonly offers: readonly {
    readonly driverId: string
    readonly distanceMeters: number
    readonly lat: number
    readonly lng: number
  }[]
}

/** A request that some areas have not answered yet. */
interface Gathered {
  readonly areas: readonly string[]
  readonly candidates: readonly Candidate[]
}

/** A row's key in open-offers. */
export function openOfferKey(tripId: string, { at, sub, eventId }: Mark): string {
  return compositeKey(at, sub, eventId, tripId)
}

export const OPEN_OFFERS_STORE = 'open-offers'
export const REPEATED_OFFERS_STORE = 'repeated-offers'

export const offerStores: readonly KeyValueSpec[] = [
  { ...keyValueStore<string, Gathered>({ name: OPEN_OFFERS_STORE, keySerde, valueSerde: jsonSerde() }), scan: false },
  { ...keyValueStore<string, Mark>({ name: REPEATED_OFFERS_STORE, keySerde, valueSerde: jsonSerde() }), scan: false },
]

/*
 * Puts the answers of all areas together; the last one makes the offer, whatever the order.
 *
 * Invariants:
 * 1. open-offers holds requests that some area has not answered, and nothing else.
 * 2. Offers of a trip come in the order of its requests: when it was requested again from elsewhere, the answers for the
 *    request before may take longer, and come too late to be worth sending. repeated-offers holds the last request
 *    offered of each trip that was requested more than once.
 */
export class OfferGathering implements FixedKeyProcessor<string, AreaAnswer, TripOffers> {
  #context!: ProcessorContext<string, TripOffers>
  #open!: KeyValueStore<string, Gathered>
  #repeated!: KeyValueStore<string, Mark>

  init(context: ProcessorContext<string, TripOffers>): void {
    this.#context = context
    this.#open = context.store(OPEN_OFFERS_STORE)
    this.#repeated = context.store(REPEATED_OFFERS_STORE)
  }

  process({ key: tripId, value: answer, timestamp, headers }: StreamRecord<string, AreaAnswer>): void {
    const candidates = this.#gather(tripId, answer)
    if (candidates === null || this.#isOvertaken(tripId, answer)) return
    const offers = candidates.map(({ driverId, distanceMeters, lat, lng }) => ({ driverId, distanceMeters, lat, lng }))
    const value = { tripId, requestedAt: formatInstant(answer.request.at), pickup: answer.pickup, offers }
    this.#context.forward(record(tripId, value, timestamp, headers))
  }

  /** The candidates of all areas; null while one is missing. */
  #gather(tripId: string, { request, area, areas, candidates }: AreaAnswer): readonly Candidate[] | null {
    const key = openOfferKey(tripId, request)
    const before = this.#open.get(key)
    // Under at_least_once an answer may come twice.
    if (before?.areas.includes(area) === true) return null
    const gathered = {
      areas: [...(before?.areas ?? []), area],
      candidates: nearest([...(before?.candidates ?? []), ...candidates]),
    }
    if (gathered.areas.length < areas) {
      this.#open.put(key, gathered)
      return null
    }
    if (before !== null) this.#open.put(key, null)
    return gathered.candidates
  }

  #isOvertaken(tripId: string, { request, isRepeated }: AreaAnswer): boolean {
    const last = this.#repeated.get(tripId)
    if (last !== null && !isLater(request, last)) return true
    if (isRepeated) this.#repeated.put(tripId, request)
    return false
  }
}
