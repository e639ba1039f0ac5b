import type { AnyEvent } from '../../processors/events/ride-event.ts'
import { CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import {
  DRIVER_CELL_CHANGED_TOPIC,
  DRIVER_CELLS_STORE,
  DRIVER_TOPIC,
  deadLetterTopic,
  HOURLY_REVENUE_STORE,
  HOURLY_REVENUE_TOPIC,
  TRIP_STATE_STORE,
  TRIP_STATE_TOPIC,
  TRIP_TOPICS,
} from '../../processors/topics.ts'
import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../../runtime/ports/log.ts'
import { readEvent } from '../topics/read-event.ts'
import { readSpans, type Span } from '../topics/read-spans.ts'
import { Cut, OffsetsMovedError } from './cut.ts'
import { type Difference, Differences, type TopicReport } from './differences.ts'
import { DriverFold } from './drivers.ts'
import { emptyOutputRow, emptyStoreRow, HourFold } from './hours.ts'
import { LetterFold } from './letters.ts'
import { TripFold } from './trips.ts'

export interface VerifyOptions {
  readonly admin: LogAdmin
  readonly reader: () => LogReader
  readonly applicationId: string
  readonly h3Resolution: number
  /** Which of them run; only the core ones are compared. */
  readonly processors?: readonly ProcessorName[] | undefined
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
  /** Stores of the application that verify knows no fold for; nor are their outputs compared. */
  readonly notCompared: readonly string[]
}

/**
 * Compares the changelogs of all stores, and all output topics, with an independent fold of the input up to the
 * committed offsets. Throws OffsetsMovedError when the application did not hold still in any attempt,
 * MissingTopicError, ReadStalledError.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  for (let attempt = 1; ; attempt++) {
    const reader = options.reader()
    try {
      return await new Verification(options, reader).run()
    } catch (error) {
      if (!(error instanceof OffsetsMovedError) || attempt >= options.attempts) throw error
    } finally {
      await reader.close()
    }
  }
}

interface Names {
  readonly trips: string
  readonly drivers: string
  readonly hours: string
  readonly repartition: readonly string[]
  readonly letters: string
}

/** One attempt. Partition by partition, so that no more than the rows of one are held. */
class Verification {
  readonly #options: VerifyOptions
  readonly #reader: LogReader
  readonly #differences: Differences
  readonly #names: Names
  readonly #hours = new HourFold()
  #done = 0

  constructor(options: VerifyOptions, reader: LogReader) {
    this.#options = options
    this.#reader = reader
    this.#differences = new Differences(options.limit)
    this.#names = namesOf(options)
  }

  async run(): Promise<VerifyReport> {
    const { trips, drivers, hours, repartition, letters: letterTopic } = this.#names
    const sources = [...TRIP_TOPICS, DRIVER_TOPIC]
    const outputs = [TRIP_STATE_TOPIC, DRIVER_CELL_CHANGED_TOPIC, HOURLY_REVENUE_TOPIC, letterTopic]
    const written = [trips, drivers, hours, ...outputs]
    const { admin, applicationId } = this.#options
    const cut = await Cut.take(admin, applicationId, { sources, repartition, written })
    const letters = new LetterFold({
      topic: letterTopic,
      sources,
      firstOffset: ({ topic, partition }) => cut.spans(topic)[partition]?.from ?? 0,
      isOutputGone: cut.spans(letterTopic).some((span) => cut.hasGone(span)),
    })
    const tripPartitions = cut.partitionsOf([...TRIP_TOPICS, trips, TRIP_STATE_TOPIC])
    for (let p = 0; p < tripPartitions; p++) await this.#verifyTrips(cut, letters, p)
    await this.#verifyHours(cut)
    const driverPartitions = cut.partitionsOf([DRIVER_TOPIC, drivers, DRIVER_CELL_CHANGED_TOPIC])
    for (let p = 0; p < driverPartitions; p++) await this.#verifyDrivers(cut, letters, p)
    await this.#read(cut, cut.spans(letterTopic), ({ partition }, record) =>
      letters.addLetter(partition, record, this.#differences),
    )
    letters.report(this.#differences)
    await cut.checkUnmoved()
    const { rows, total, topics } = this.#differences
    const gone = sources
      .flatMap((topic) => cut.spans(topic))
      .filter((span) => cut.hasGone(span))
      .map(({ topic, partition, from }) => ({ topic, partition, offset: from }))
    return { differences: rows, total, topics, gone, notCompared: notCompared(this.#options) }
  }

  async #verifyTrips(cut: Cut, letters: LetterFold, p: number): Promise<void> {
    const changelog = this.#names.trips
    const fold = new TripFold(changelog, (topic) => cut.hasGone({ topic, partition: p }))
    await this.#readEvents(cut, cut.partition(TRIP_TOPICS, p), letters, (event) => {
      if (event.type !== 'driver.location.updated') fold.add(event)
    })
    const stored = fold.store()
    await this.#read(cut, cut.partition([changelog], p), (_, record) => stored.add(record))
    fold.reportStore(stored, this.#differences)
    const output = fold.output()
    await this.#read(cut, cut.partition([TRIP_STATE_TOPIC], p), (_, record) => output.add(record))
    output.report(this.#differences, fold.trips.keys())
    for (const trip of fold.trips.values()) this.#hours.add(trip)
  }

  async #verifyHours(cut: Cut): Promise<void> {
    const { hours: changelog, repartition } = this.#names
    const pending = repartition.flatMap((topic) => cut.spans(topic))
    await this.#read(cut, pending, (_, record) => this.#hours.takeBack(record))
    const stored = this.#hours.store(changelog)
    await this.#read(cut, cut.spans(changelog), (_, record) => stored.add(record))
    this.#hours.report(stored, this.#differences, emptyStoreRow)
    const output = this.#hours.output()
    await this.#read(cut, cut.spans(HOURLY_REVENUE_TOPIC), (_, record) => output.add(record))
    this.#hours.report(output, this.#differences, emptyOutputRow)
  }

  async #verifyDrivers(cut: Cut, letters: LetterFold, p: number): Promise<void> {
    const changelog = this.#names.drivers
    const fold = new DriverFold({
      changelog,
      h3Resolution: this.#options.h3Resolution,
      isInputGone: cut.hasGone({ topic: DRIVER_TOPIC, partition: p }),
      isOutputGone: cut.hasGone({ topic: DRIVER_CELL_CHANGED_TOPIC, partition: p }),
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

  #readEvents(
    cut: Cut,
    spans: readonly Span[],
    letters: LetterFold,
    onEvent: (event: AnyEvent) => void,
  ): Promise<void> {
    return this.#read(cut, spans, (at, record) => {
      const event = readEvent(at.topic, record)
      if (event === null) letters.addInvalid(at, record)
      // As the application: records without a time are dropped.
      else if (record.timestamp >= 0) onEvent(event)
    })
  }

  async #read(
    cut: Cut,
    spans: readonly Span[],
    onRecord: (at: TopicPartition, record: LogRecord) => void,
  ): Promise<void> {
    const { onProgress } = this.#options
    const report = (passed: number): void => {
      this.#done += passed
      onProgress?.(this.#done, cut.length)
    }
    await readSpans({ reader: this.#reader, spans, onRecord, onProgress: report })
    // Better to know early that this attempt is in vain.
    await cut.checkUnmoved()
  }
}

/** Names of the internal topics, from the plan; nothing else of the topology is used. */
function namesOf({ applicationId, h3Resolution }: VerifyOptions): Names {
  const { subtopologies } = buildRideTopology({ h3Resolution }).build({ applicationId })
  const stores = subtopologies.flatMap((subtopology) => subtopology.stores)
  const changelog = (store: string): string => {
    const topic = stores.find(({ spec }) => spec.name === store)?.changelogTopic
    if (topic === null || topic === undefined) throw new RangeError(`store ${store} has no changelog`)
    return topic
  }
  return {
    trips: changelog(TRIP_STATE_STORE),
    drivers: changelog(DRIVER_CELLS_STORE),
    hours: changelog(HOURLY_REVENUE_STORE),
    repartition: subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics),
    letters: deadLetterTopic(applicationId),
  }
}

function notCompared({ applicationId, h3Resolution, processors = CORE_PROCESSORS }: VerifyOptions): readonly string[] {
  const stores = buildRideTopology({ h3Resolution, processors })
    .build({ applicationId })
    .subtopologies.flatMap((subtopology) => subtopology.stores.map(({ spec }) => spec.name))
  return stores.filter((name) => ![TRIP_STATE_STORE, DRIVER_CELLS_STORE, HOURLY_REVENUE_STORE].includes(name))
}
