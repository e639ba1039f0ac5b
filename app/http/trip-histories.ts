import { type Asker, HttpError, type LocalRead, type QueryRouter, type Routed } from '../../infra/http/index.ts'
import { TRIP_HISTORY_STORE, TRIP_STATE_STORE } from '../../processors/topics.ts'
import { historyOf, type Instant, type KeptHistory, tripAsOf } from '../../processors/trip-history/trip-history.ts'
import { tripHistoryView } from '../../processors/trip-history/trip-history-view.ts'
import { type Trip, tripStateOf } from '../../processors/trip-state/trip-state.ts'
import type { QueryAnswer, StreamsInstance } from '../../runtime/index.ts'
import { plain } from './ride-views.ts'

const gone = (message: string): HttpError => new HttpError(410, 'GONE', message)

/** Trips as they were, from the store trip-history, whichever instance has it. Answers are JSON texts; null = no such trip then. */
export class TripHistories {
  readonly #instance: StreamsInstance
  readonly #router: QueryRouter

  constructor(instance: StreamsInstance, router: QueryRouter) {
    this.#instance = instance
    this.#router = router
  }

  /** All events that are known. @throws HttpError 410 when none is known any more */
  history(asker: Asker, tripId: string): Promise<Routed<string | null>> {
    return this.#read(asker, tripId, (history) => {
      if (history.events.length === 0) throw gone(`the events of trip ${tripId} are not kept any more`)
      return tripHistoryView(tripId, history)
    })
  }

  /** The state by all events that are not later, whenever they arrived. @throws HttpError 410 when they are not known any more */
  asOf(asker: Asker, tripId: string, time: Instant): Promise<Routed<string | null>> {
    return this.#read(asker, tripId, (history) => {
      const trip = tripAsOf(history, time)
      if (trip === 'unknown') throw gone(`the events of trip ${tripId} up to that time are not kept any more`)
      return trip === null ? null : tripStateOf(tripId, trip)
    })
  }

  #read(asker: Asker, tripId: string, answer: (history: KeptHistory) => unknown): Promise<Routed<string | null>> {
    const read: LocalRead<string | null> = async ({ allowStale }) => {
      const { result: history, lag } = await this.#find(tripId, allowStale)
      const shown = history === null ? null : answer(history)
      return { result: shown === null ? null : JSON.stringify(shown), lag }
    }
    return this.#router.one(asker, TRIP_HISTORY_STORE, tripId, read, (body) => body)
  }

  /** A trip without a recorded event: all of it happened before the known history. Both stores belong to one task and commit. */
  async #find(tripId: string, allowStale: boolean): Promise<QueryAnswer<KeptHistory | null>> {
    const { result, lag } = await this.#instance.get(TRIP_HISTORY_STORE, tripId, { allowStale })
    if (result !== null && result !== undefined) return { result: plain<KeptHistory>(result), lag }
    const trip = (await this.#instance.get(TRIP_STATE_STORE, tripId, { allowStale })).result
    return { result: trip === null || trip === undefined ? null : historyOf(plain<Trip>(trip)), lag }
  }
}
