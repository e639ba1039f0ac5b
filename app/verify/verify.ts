import { type Span, scanSpans } from '../../infra/streams/topics/index.ts'
import { type AnyEvent, recordTimeOf } from '../../processors/events/ride-event.ts'
import type { ProcessorName } from '../../processors/processor-names.ts'
import { RIDE_PROCESSORS } from '../../processors/ride-processors.ts'
import {
  CELL_DEMAND_STORE,
  CELL_DEMAND_TOPIC,
  DRIVER_CELL_CHANGED_TOPIC,
  DRIVER_CELLS_STORE,
  DRIVER_TOPIC,
  TRIP_HISTORY_STORE,
  TRIP_OFFERS_TOPIC,
  TRIP_STATE_STORE,
  TRIP_STATE_TOPIC,
  TRIP_TOPICS,
} from '../../processors/topics.ts'
import { OPEN_OFFERS_STORE } from '../../processors/trip-offers/offer-gathering.ts'
import { NEAREST, REQUESTS } from '../../processors/trip-offers/trip-offers.ts'
import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../../runtime/index.ts'
import { OffsetOutOfRangeError } from '../../state/index.ts'
import { readEvent } from '../topics/read-event.ts'
import { Cut, OffsetsMovedError } from './cut.ts'
import { DemandFold } from './demand.ts'
import { type Difference, Differences, type TopicReport } from './differences.ts'
import { DriverFold } from './drivers.ts'
import { HistoryFold } from './history.ts'
import { LetterFold } from './letters.ts'
import { MisplacedRecords, type MisplacedReport } from './misplaced.ts'
import { OfferFold } from './offers.ts'
import { type AnyTotals, TotalsFold } from './totals.ts'
import { TripFold } from './trips.ts'
import { VerifyNames } from './verify-names.ts'

export interface VerifyOptions {
  readonly admin: LogAdmin
  readonly reader: () => LogReader
  readonly applicationId: string
  readonly h3Resolution: number
  /** The processors that run; default the core ones. */
  readonly processors?: readonly ProcessorName[] | undefined
  /** The application's setting, ms; default seven days. */
  readonly tripHistoryRetentionMs?: number | undefined
  /** Differences shown per topic; 0 = all. */
  readonly limit: number
  /** How often to begin again when the application commits meanwhile. */
  readonly attempts: number
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

export interface VerifyReport {
  readonly differences: readonly Difference[]
  readonly total: number
  readonly topics: readonly TopicReport[]
  /** Records below `offset` are gone from the input. */
  readonly gone: ReadonlyArray<TopicPartition & { readonly offset: number }>
  /** Topics whose producers use another partitioner than Kafka's default: the likely cause of the differences. */
  readonly misplaced: readonly MisplacedReport[]
  /** Stores of the application that verify knows no fold for. */
  readonly notCompared: readonly string[]
}

/**
 * Compares the changelogs of all stores, and all output topics, with a fold of the input up to the committed offsets.
 * What an event does to a trip is the application's own function (applyTripEvent); topics, tasks, commits and stores
 * take no part. Throws OffsetsMovedError when the application did not hold still in any attempt, MissingTopicError,
 * ReadStalledError.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  for (let attempt = 1; ; attempt++) {
    const reader = options.reader()
    try {
      return await new Verification(options, reader).run()
    } catch (error) {
      const isPassing = error instanceof OffsetsMovedError || error instanceof OffsetOutOfRangeError
      if (!isPassing || attempt >= options.attempts) throw error
    } finally {
      await reader.close()
    }
  }
}

const TRIP_HISTORY_RETENTION_MS = 604_800_000

/** One attempt. Partition by partition, so that no more than the rows of one are held, and the sums. */
class Verification {
  readonly #options: VerifyOptions
  readonly #reader: LogReader
  readonly #differences: Differences
  readonly #names: VerifyNames
  readonly #totals: ReadonlyArray<readonly [store: string, fold: AnyTotals]>
  readonly #misplaced = new MisplacedRecords()
  #done = 0

  constructor(options: VerifyOptions, reader: LogReader) {
    this.#options = options
    this.#reader = reader
    this.#differences = new Differences(options.limit)
    this.#names = new VerifyNames(options)
    const all = RIDE_PROCESSORS.flatMap(({ fold, stores }): [string, AnyTotals][] =>
      fold === null || fold === 'own'
        ? []
        : Object.keys(stores).map((store) => [store, fold.use<AnyTotals>((rules) => new TotalsFold(rules))]),
    )
    this.#totals = all.filter(([store]) => this.#names.has(store))
  }

  async run(): Promise<VerifyReport> {
    const names = this.#names
    const sources = [...TRIP_TOPICS, DRIVER_TOPIC]
    const { admin, applicationId } = this.#options
    const { repartition, written } = names
    const cut = await Cut.take(admin, applicationId, { sources, repartition, written })
    const letters = new LetterFold({
      topic: names.letters,
      sources,
      firstOffset: ({ topic, partition }) => cut.spans(topic)[partition]?.from ?? 0,
      isOutputGone: cut.spans(names.letters).some((span) => cut.hasGone(span)),
      isRewound: cut.isRewound,
    })
    const isGone = (topic: string): boolean => cut.spans(topic).some((span) => cut.hasGone(span))
    const offers = names.has(OPEN_OFFERS_STORE) ? this.#offerFold(isGone, cut) : null
    const demand = names.has(CELL_DEMAND_STORE) ? this.#demandFold(isGone, cut) : null
    if (offers !== null) await this.#readOfferPending(cut, offers)
    const tripPartitions = cut.partitionsOf([...TRIP_TOPICS, names.changelog(TRIP_STATE_STORE), TRIP_STATE_TOPIC])
    for (let p = 0; p < tripPartitions; p++) await this.#verifyTrips(cut, letters, { offers, demand }, p)
    for (const [store, fold] of this.#totals) await this.#verifyTotals(cut, store, fold)
    const changelog = names.changelog(DRIVER_CELLS_STORE)
    const driverPartitions = cut.partitionsOf([DRIVER_TOPIC, changelog, DRIVER_CELL_CHANGED_TOPIC])
    for (let p = 0; p < driverPartitions; p++) await this.#verifyDrivers(cut, letters, p)
    offers?.reportOpen(this.#differences)
    if (demand !== null) await this.#verifyDemand(cut, demand)
    await this.#read(cut, cut.spans(names.letters), ({ partition }, record) =>
      letters.addLetter(partition, record, this.#differences),
    )
    for await (const part of scanSpans({ reader: this.#reader, spans: letters.cutSources })) {
      for (const record of part.records) letters.addSource(part, record, this.#differences)
    }
    letters.report(this.#differences)
    await cut.checkUnmoved()
    const { rows, total, topics } = this.#differences
    const gone = sources
      .flatMap((topic) => cut.spans(topic))
      .filter((span) => cut.hasGone(span))
      .map(({ topic, partition, from }) => ({ topic, partition, offset: from }))
    return { differences: rows, total, topics, gone, misplaced: this.#misplaced.report, notCompared: names.notCompared }
  }

  #offerFold(isGone: (topic: string) => boolean, { isRewound }: Cut): OfferFold {
    return new OfferFold({
      open: this.#names.changelog(OPEN_OFFERS_STORE),
      isInputGone: isGone('trip.requested'),
      isOutputGone: isGone(TRIP_OFFERS_TOPIC),
      isRewound,
    })
  }

  #historyFold(): HistoryFold | null {
    const { tripHistoryRetentionMs: retentionMs = TRIP_HISTORY_RETENTION_MS } = this.#options
    if (!this.#names.has(TRIP_HISTORY_STORE)) return null
    return new HistoryFold({ changelog: this.#names.changelog(TRIP_HISTORY_STORE), retentionMs })
  }

  #demandFold(isGone: (topic: string) => boolean, cut: Cut): DemandFold {
    return new DemandFold({
      changelog: this.#names.changelog(CELL_DEMAND_STORE),
      partitions: cut.spans(this.#names.changelog(CELL_DEMAND_STORE)).length,
      isOutputGone: isGone(CELL_DEMAND_TOPIC),
      isRewound: cut.isRewound,
    })
  }

  async #readOfferPending(cut: Cut, offers: OfferFold): Promise<void> {
    const pending = (name: string): readonly Span[] => cut.spans(this.#names.repartitionOf(name))
    const open = cut.spans(this.#names.changelog(OPEN_OFFERS_STORE))
    await this.#read(cut, pending(REQUESTS), (_, record) => offers.addPendingAsked(record))
    await this.#read(cut, pending(NEAREST), (_, record) => offers.addPendingFound(record))
    await this.#read(cut, open, (_, record) => offers.addOpen(record))
    offers.openRead()
  }

  async #verifyTrips(
    cut: Cut,
    letters: LetterFold,
    { offers, demand }: { readonly offers: OfferFold | null; readonly demand: DemandFold | null },
    p: number,
  ): Promise<void> {
    const changelog = this.#names.changelog(TRIP_STATE_STORE)
    const fold = new TripFold(changelog, (topic) => cut.hasGone({ topic, partition: p }))
    const histories = this.#historyFold()
    await this.#readEvents(cut, cut.partition(TRIP_TOPICS, p), letters, (event, { timestamp }) => {
      if (event.type === 'driver.location.updated') return
      fold.add(event)
      histories?.add(event, recordTimeOf(event, timestamp))
      if (event.type === 'trip.requested') offers?.add(event)
    })
    const stored = fold.store()
    await this.#read(cut, cut.partition([changelog], p), (_, record) => stored.add(record))
    fold.reportStore(stored, this.#differences)
    if (histories !== null) {
      const kept = histories.store()
      const log = this.#names.changelog(TRIP_HISTORY_STORE)
      await this.#read(cut, cut.partition([log], p), (_, record) => kept.add(record))
      histories.report(kept, this.#differences, fold.trips)
    }
    const output = fold.output()
    await this.#read(cut, cut.partition([TRIP_STATE_TOPIC], p), (_, record) => output.add(record))
    output.report(this.#differences, fold.trips.keys())
    for (const trip of fold.trips.values()) {
      for (const [, totals] of this.#totals) totals.add(trip)
      demand?.add(trip)
    }
    if (offers === null) return
    cut.partitionsOf(['trip.requested', TRIP_OFFERS_TOPIC])
    await this.#read(cut, cut.partition([TRIP_OFFERS_TOPIC], p), (_, record) => offers.addOffer(record))
    offers.reportOutput(this.#differences)
  }

  async #verifyTotals(cut: Cut, store: string, fold: AnyTotals): Promise<void> {
    const changelog = this.#names.changelog(store)
    await this.#read(cut, cut.spans(this.#names.repartitionOf(store)), (_, record) => fold.takeBack(record))
    const stored = fold.store(changelog)
    await this.#read(cut, cut.spans(changelog), (_, record) => stored.add(record))
    fold.reportStore(stored, this.#differences)
    const output = fold.output()
    await this.#read(cut, cut.spans(fold.topic), (_, record) => output.add(record))
    fold.reportOutput(output, this.#differences)
  }

  async #verifyDrivers(cut: Cut, letters: LetterFold, p: number): Promise<void> {
    const changelog = this.#names.changelog(DRIVER_CELLS_STORE)
    const fold = new DriverFold({
      changelog,
      h3Resolution: this.#options.h3Resolution,
      isInputGone: cut.hasGone({ topic: DRIVER_TOPIC, partition: p }),
      isOutputGone: cut.hasGone({ topic: DRIVER_CELL_CHANGED_TOPIC, partition: p }),
      isRewound: cut.isRewound,
    })
    await this.#readEvents(cut, cut.partition([DRIVER_TOPIC], p), letters, (event) => {
      if (event.type === 'driver.location.updated') fold.add(event)
    })
    const stored = fold.store()
    await this.#read(cut, cut.partition([changelog], p), (_, record) => stored.add(record))
    fold.reportStore(stored, this.#differences)
    await this.#read(cut, cut.partition([DRIVER_CELL_CHANGED_TOPIC], p), (_, record) => fold.addChange(record))
    fold.reportOutput(this.#differences)
  }

  async #verifyDemand(cut: Cut, demand: DemandFold): Promise<void> {
    const names = this.#names
    await this.#read(cut, cut.spans(names.repartitionOf(CELL_DEMAND_STORE)), (_, record) => demand.takeBack(record))
    await this.#read(cut, cut.spans(names.changelog(CELL_DEMAND_STORE)), ({ partition }, record) =>
      demand.addStored(partition, record),
    )
    await this.#read(cut, cut.spans(CELL_DEMAND_TOPIC), (_, record) => demand.addOutput(record))
    demand.report(this.#differences)
  }

  #readEvents(
    cut: Cut,
    spans: readonly Span[],
    letters: LetterFold,
    onEvent: (event: AnyEvent, record: LogRecord) => void,
  ): Promise<void> {
    return this.#read(cut, spans, (at, record) => {
      this.#misplaced.add(at, record, cut.spans(at.topic).length)
      const event = readEvent(at.topic, record)
      if (event === null) letters.addInvalid(at, record)
      else onEvent(event, record)
    })
  }

  async #read(
    cut: Cut,
    spans: readonly Span[],
    onRecord: (at: TopicPartition, record: LogRecord) => void,
  ): Promise<void> {
    const { onProgress } = this.#options
    for await (const part of scanSpans({ reader: this.#reader, spans })) {
      for (const record of part.records) onRecord(part, record)
      this.#done += part.passed
      onProgress?.(this.#done, cut.length)
    }
    // Fail early when the offsets have moved already.
    await cut.checkUnmoved()
  }
}
