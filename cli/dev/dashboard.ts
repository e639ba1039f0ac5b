import type { RideViews } from '../../infra/http/views.ts'
import { difference, mergedHistogram, quantile, total, totalBy } from '../../infra/metrics/read.ts'
import type { HourlyRevenue } from '../../processors/hourly-revenue.ts'
import type { TripStatus } from '../../processors/trip-state.ts'
import type { InstanceState, StreamsInstance } from '../../runtime/ports/instance.ts'
import type { HistogramSample, MetricFamily } from '../../runtime/ports/metrics.ts'
import { StreamsError } from '../../state/ports/errors.ts'
import { type RestoreSummary, RestoreTally } from '../restore-tally.ts'

/** What the live view shows, at one moment. */
export interface Snapshot {
  readonly state: InstanceState
  /** Null when nothing restores. */
  readonly restore: RestoreSummary | null
  /** Null while the stores restore. */
  readonly trips: Readonly<Record<TripStatus, number>> | null
  /** Latest hours, oldest first. */
  readonly hours: readonly HourlyRevenue[]
  readonly eventsTotal: number
  readonly eventsPerSecond: number
  readonly lag: number
  /** Seconds from freeze to settled commit since the last snapshot; null without commits. */
  readonly commitP50: number | null
  readonly commitP99: number | null
  readonly deadLetters: number
  readonly deadLettersByReason: ReadonlyMap<string, number>
  /** Some completed trip, for the commands to try. */
  readonly exampleTripId: string | null
}

const HOURS_SHOWN = 10
const SCAN_PAGE = 1000

/**
 * Asks the instance what a user could ask it too: queries and metrics, no counters of its own. Owns the
 * previous readings, which rates and latencies are differences to.
 */
export class Dashboard {
  readonly #instance: StreamsInstance
  readonly #views: RideViews
  readonly #now: () => number
  readonly #restores = new RestoreTally()
  #before: { readonly at: number; readonly events: number; readonly commits: HistogramSample | null } | null = null

  /** @param now monotonic ms */
  constructor(instance: StreamsInstance, views: RideViews, now: () => number = () => performance.now()) {
    this.#instance = instance
    this.#views = views
    this.#now = now
  }

  async read(): Promise<Snapshot> {
    const [tasks, metrics, stores] = await Promise.all([
      this.#instance.tasks().catch(orWhenUnavailable([])),
      this.#instance.metrics().catch(orWhenUnavailable([])),
      this.#readStores().catch(orWhenUnavailable(NO_STORES)),
    ])
    const restore = this.#restores.update(tasks)
    return { state: this.#instance.state(), restore, ...stores, ...this.#readMetrics(metrics) }
  }

  #readMetrics(metrics: readonly MetricFamily[]) {
    const at = this.#now()
    const events = total(metrics, 'records_processed_total')
    const commits = mergedHistogram(metrics, 'commit_seconds')
    const before = this.#before
    this.#before = { at, events, commits }
    const recent = commits === null ? null : difference(commits, before?.commits ?? null)
    return {
      eventsTotal: events,
      eventsPerSecond: before === null || at <= before.at ? 0 : ((events - before.events) * 1000) / (at - before.at),
      lag: total(metrics, 'kafka_consumer_lag'),
      commitP50: recent && quantile(recent, 0.5),
      commitP99: recent && quantile(recent, 0.99),
      deadLetters: total(metrics, 'dead_letters_total'),
      deadLettersByReason: totalBy(metrics, 'dead_letters_total', 'reason'),
    }
  }

  async #readStores(): Promise<Pick<Snapshot, 'trips' | 'hours' | 'exampleTripId'>> {
    const [trips, hours] = await Promise.all([this.#countTrips(), this.#latestHours()])
    return { ...trips, hours }
  }

  async #countTrips(): Promise<Pick<Snapshot, 'trips' | 'exampleTripId'>> {
    const trips = { requested: 0, accepted: 0, started: 0, completed: 0, cancelled: 0 }
    const { store, view } = this.#views.trips
    let exampleTripId: string | null = null
    for (let after: unknown; ; ) {
      const { result } = await this.#instance.scan(store, { after, limit: SCAN_PAGE })
      for (const [key, stored] of result) {
        const { status, tripId } = view(String(key), stored)
        trips[status]++
        if (status === 'completed') exampleTripId ??= tripId
        after = key
      }
      if (result.length < SCAN_PAGE) return { trips, exampleTripId }
    }
  }

  async #latestHours(): Promise<readonly HourlyRevenue[]> {
    const { store, view } = this.#views.revenue
    const { result } = await this.#instance.scan(store, { limit: HOURS_SHOWN, reverse: true })
    return result.map(([key, stored]) => view(String(key), stored)).reverse()
  }
}

const NO_STORES = { trips: null, hours: [], exampleTripId: null }

/** For `catch`: the answer while a store restores, moves or closes; other errors go on. */
function orWhenUnavailable<T>(answer: T): (error: unknown) => T {
  return (error) => {
    // By code: errors that come from a worker have lost their class.
    if (error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE') return answer
    throw error
  }
}
