import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import type { FixedKeyProcessor, ProcessorContext } from '../../topology/processor.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import { jsonSerde } from '../../topology/serdes.ts'
import { keyValueStore } from '../../topology/stores.ts'
import { keySerde } from '../events/event-serde.ts'
import { formatInstant } from '../time/format-instant.ts'
import type { Place } from '../trip.ts'
import { type Candidate, nearest } from './offer.ts'

/** What one area has for a request. */
export interface AreaAnswer {
  readonly request: string
  readonly at: number
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

const STORE = 'open-offers'

export const openOffersStore: KeyValueSpec = {
  ...keyValueStore<string, Gathered>({ name: STORE, keySerde, valueSerde: jsonSerde() }),
  scan: false,
}

/** Puts the answers of all areas together; the last one makes the offer, whatever the order, and the row is gone. */
export class OfferGathering implements FixedKeyProcessor<string, AreaAnswer, TripOffers> {
  #context!: ProcessorContext<string, TripOffers>
  #open!: KeyValueStore<string, Gathered>

  init(context: ProcessorContext<string, TripOffers>): void {
    this.#context = context
    this.#open = context.store(STORE)
  }

  process({ key: tripId, value: answer, timestamp, headers }: StreamRecord<string, AreaAnswer>): void {
    const { request, at, pickup, area } = answer
    const key = `${request}/${tripId}`
    const { areas, candidates } = this.#open.get(key) ?? { areas: [], candidates: [] }
    // Under at_least_once an answer may come twice.
    if (areas.includes(area)) return
    const gathered = { areas: [...areas, area], candidates: nearest([...candidates, ...answer.candidates]) }
    if (gathered.areas.length < answer.areas) {
      this.#open.put(key, gathered)
      return
    }
    if (areas.length > 0) this.#open.put(key, null)
    const offers = gathered.candidates.map(({ driverId, distanceMeters, lat, lng }) => ({
      driverId,
      distanceMeters,
      lat,
      lng,
    }))
    const value = { tripId, requestedAt: formatInstant(at), pickup, offers }
    this.#context.forward(record(tripId, value, timestamp, headers))
  }
}
