import {
  type Headers,
  type KeyValueSpec,
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
  TextHeader,
} from '../../topology/index.ts'
import { CORRELATION_ID, correlationHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import { formatInstant } from '../time/format-instant.ts'
import type { Place } from '../trip-state/trip.ts'
import type { Candidate } from './offer.ts'
import {
  type FoundBatch,
  FoundMerge,
  FoundWriter,
  foundSerde,
  NO_REQUESTS,
  type OfferRequest,
  requestsIn,
} from './offer-batches.ts'

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

/** A batch of requests that some tasks of drivers have not answered yet. Immutable. */
export interface OpenBatch {
  /** Numbers of the tasks that have answered. */
  readonly tasks: readonly number[]
  /** The answers of these tasks. */
  readonly answers: readonly FoundBatch[]
}

/** Number of tasks that have answered, their numbers (4 bytes each), and the answers put together, in the form of one. */
export const openBatchSerde: Serde<OpenBatch> = {
  serialize(_topic, { tasks, answers }) {
    const head = Buffer.allocUnsafe(4 + 4 * tasks.length)
    head.writeUInt32BE(tasks.length, 0)
    for (const [i, task] of tasks.entries()) head.writeUInt32BE(task, 4 + 4 * i)
    return Buffer.concat([head, putTogether(answers)])
  },
  deserialize(topic, bytes) {
    const tasks = Array.from({ length: bytes.readUInt32BE(0) }, (_, i) => bytes.readUInt32BE(4 + 4 * i))
    return { tasks, answers: [foundSerde.deserialize(topic, bytes.subarray(4 + 4 * tasks.length))] }
  },
}

export const OPEN_OFFERS_STORE = 'open-offer-batches'

export const openOffersStore: KeyValueSpec = keyValueStore<string, OpenBatch>({
  name: OPEN_OFFERS_STORE,
  keySerde,
  valueSerde: openBatchSerde,
  immutableValues: true,
  scan: false,
})

/*
 * Puts the answers of all tasks of drivers together; the last one makes the offers, whatever the order.
 *
 * Invariants:
 * 1. The store holds batches that some task has not answered, and nothing else.
 * 2. Offers of a trip come in the order of its requests: one task asks for them, in order, every task of drivers answers in the order
 *    in which it was asked, and all answers come to the one task here. So no batch is complete before an earlier one.
 */
export class OfferGathering implements Processor<string, FoundBatch, string, TripOffers> {
  #context!: ProcessorContext<string, TripOffers>
  #open!: KeyValueStore<string, OpenBatch>

  init(context: ProcessorContext<string, TripOffers>): void {
    this.#context = context
    this.#open = context.store(OPEN_OFFERS_STORE)
  }

  process({ key: name, value: found }: StreamRecord<string, FoundBatch>): void {
    const before = this.#open.get(name)
    const { task } = found
    // Under at_least_once an answer may come twice.
    if (before?.tasks.includes(task) === true) return
    const tasks = [...(before?.tasks ?? []), task]
    const answers = [...(before?.answers ?? []), found]
    if (tasks.length < found.tasks) {
      this.#open.put(name, { tasks, answers })
      return
    }
    if (before !== null) this.#open.put(name, null)
    const merge = new FoundMerge(answers)
    for (const request of requestsIn(merge.requests)) this.#offer(request, merge.next().toCandidates())
  }

  #offer([tripId, at, lat, lng, address, timestamp, headers]: OfferRequest, offers: readonly Candidate[]): void {
    const value = { tripId, requestedAt: formatInstant(at), pickup: { lat, lng, address }, offers }
    this.#context.forward(record(tripId, value, timestamp, headersOf(headers)))
  }
}

function putTogether(answers: readonly FoundBatch[]): Buffer {
  const merge = new FoundMerge(answers)
  const writer = new FoundWriter(answers.reduce((sum, { bytes }) => sum + bytes.length, 0))
  writer.begin(0, answers[0]?.tasks ?? 0, merge.count)
  for (let i = 0; i < merge.count; i++) writer.addFrom(merge)
  return writer.end(merge.requests ?? NO_REQUESTS)
}

function headersOf(texts: OfferRequest[6]): Headers {
  const [first] = texts
  if (texts.length === 1 && first?.[0] === CORRELATION_ID) return correlationHeaders(first[1])
  return texts.map(([key, text]) => new TextHeader(key, text))
}
