import { TripTally } from '../../app/http/dashboard/tallies.ts'
import type { RideViews } from '../../app/http/ride-views.ts'
import { FlowReadings, StoreSweep, type Tally } from '../../infra/http/index.ts'
import type { LetterSource, Letters } from '../../infra/streams/dead-letters/index.ts'
import type { HourlyRevenue } from '../../processors/hourly-revenue/hourly-revenue.ts'
import type { TripStatus } from '../../processors/trip-state/trip-state.ts'
import type { InstanceState, StreamsInstance } from '../../runtime/index.ts'
import { StreamsError } from '../../state/index.ts'
import { type RestoreSummary, RestoreTally } from '../restore-tally.ts'

/** The content of the live view at one moment. */
export interface Snapshot {
  readonly state: InstanceState
  /** Null when nothing restores. */
  readonly restore: RestoreSummary | null
  /** Null while the stores restore. */
  readonly trips: Readonly<Record<TripStatus, number>> | null
  /** Latest hours, oldest first. */
  readonly hours: readonly HourlyRevenue[]
  /** Records of the input topics. */
  readonly eventsTotal: number
  readonly eventsPerSecond: number
  /** Null: unknown. */
  readonly lag: number | null
  /** Brokers that have not answered for some seconds. */
  readonly silentBrokers: readonly string[]
  /** Seconds from freeze to settled commit since the last snapshot; null without commits. */
  readonly commitP50: number | null
  readonly commitP99: number | null
  /** The topic's letters, also of earlier starts; null: not read yet. */
  readonly deadLetters: Pick<Letters, 'count' | 'byReason' | 'isComplete'> | null
  /** Some completed trip with a plain id, for the commands to try. */
  readonly exampleTripId: string | null
}

const HOURS_SHOWN = 10
const LETTERS_EVERY_MS = 2000
/** The id is part of a command to copy, so it must need no quoting in a shell. */
const PLAIN_ID = /^[A-Za-z0-9][\w.-]{0,63}$/

/** Trips by status, and one of them. */
class TripSummary implements Tally<Pick<Snapshot, 'trips' | 'exampleTripId'>> {
  readonly #counts: TripTally
  readonly #view: RideViews['trips']['view']
  #exampleTripId: string | null = null

  constructor(view: RideViews['trips']['view']) {
    this.#counts = new TripTally(view)
    this.#view = view
  }

  add(key: string, stored: unknown): void {
    this.#counts.add(key, stored)
    if (this.#exampleTripId === null && PLAIN_ID.test(key) && this.#view(key, stored).status === 'completed')
      this.#exampleTripId = key
  }

  result(): Pick<Snapshot, 'trips' | 'exampleTripId'> {
    return { trips: this.#counts.result(), exampleTripId: this.#exampleTripId }
  }
}

export interface DashboardOptions {
  readonly instance: StreamsInstance
  readonly views: RideViews
  readonly letters: Pick<LetterSource, 'latest' | 'rest'>
  /** Monotonic ms. */
  readonly now?: () => number
}

/** Gets its data as a user could: by queries and metrics, without counters of its own. */
export class Dashboard {
  readonly #instance: StreamsInstance
  readonly #views: RideViews
  readonly #restores = new RestoreTally()
  readonly #letters: DashboardOptions['letters']
  readonly #now: () => number
  #deadLetters: Snapshot['deadLetters'] = null
  #reading: Promise<void> | null = null
  #nextReading = Number.NEGATIVE_INFINITY
  readonly #readings: FlowReadings
  readonly #trips: StoreSweep<Pick<Snapshot, 'trips' | 'exampleTripId'>>

  constructor({ instance, views, letters, now = () => performance.now() }: DashboardOptions) {
    this.#instance = instance
    this.#views = views
    this.#letters = letters
    this.#now = now
    this.#readings = new FlowReadings(now)
    const newTally = () => new TripSummary(views.trips.view)
    this.#trips = new StoreSweep({ instance, store: views.trips.store, newTally })
  }

  async read(): Promise<Snapshot> {
    const state = this.#instance.state()
    this.#readLettersSometimes()
    const [tasks, metrics, stores] = await Promise.all([
      this.#instance.tasks().catch(orWhenUnavailable([])),
      this.#instance.metrics().catch(orWhenUnavailable([])),
      this.#readStores().catch(orWhenUnavailable(NO_STORES)),
    ])
    const flow = this.#readings.read(this.#instance, metrics)
    return {
      state,
      restore: this.#restores.update(tasks),
      ...stores,
      eventsTotal: flow.inputRecords,
      eventsPerSecond: flow.inputPerSecond ?? 0,
      lag: flow.lag,
      silentBrokers: flow.silentBrokers,
      commitP50: flow.commit.p50,
      commitP99: flow.commit.p99,
      deadLetters: this.#deadLetters,
    }
  }

  /** Closes connections. */
  async close(): Promise<void> {
    await this.#letters.rest()
    await this.#reading
  }

  /** Less often than the rest, since it takes requests to brokers. Nothing waits for it: a silent broker stops no frame. */
  #readLettersSometimes(): void {
    const now = this.#now()
    if (this.#reading !== null || now < this.#nextReading) return
    this.#reading = this.#readLetters().finally(() => {
      this.#reading = null
      this.#nextReading = this.#now() + LETTERS_EVERY_MS
    })
  }

  async #readLetters(): Promise<void> {
    try {
      this.#deadLetters = await this.#letters.latest()
    } catch {
      // The last count stays, and the next reading connects anew. The head line tells of brokers that do not answer.
      await this.#letters.rest()
    }
  }

  async #readStores(): Promise<Pick<Snapshot, 'trips' | 'hours' | 'exampleTripId'>> {
    const [trips, hours] = await Promise.all([this.#trips.step(), this.#latestHours()])
    return { ...trips.value, hours }
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
    // Compares the code, because errors from a worker have lost their class.
    if (error instanceof StreamsError && error.code === 'STORE_UNAVAILABLE') return answer
    throw error
  }
}
