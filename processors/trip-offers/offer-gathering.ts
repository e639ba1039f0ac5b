import {
  type KeyValueSpec,
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
} from '../../topology/index.ts'
import { keySerde } from '../events/event-serde.ts'
import type { Place } from '../trip-state/trip.ts'
import { requestsIn } from './asked-batch.ts'
import { type FoundBatch, FoundWriter, foundSerde } from './found-batch.ts'
import { FoundMerge } from './found-merge.ts'
import { OfferText } from './offer-text.ts'
import { onTrace } from './request-traces.ts'
import { WAITED_FOR } from './waited-for.ts'

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

/** At least one. */
type Answers = readonly [FoundBatch, ...FoundBatch[]]

/** A batch of requests that some tasks of drivers have not answered yet. Immutable. */
export interface OpenBatch {
  /** Numbers of the tasks that have answered. */
  readonly tasks: readonly number[]
  /** The answers of these tasks. */
  readonly answers: Answers
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
 * Puts the answers of all tasks of drivers together; the last one makes the offers, whatever the order. They go on as the text of
 * TripOffers.
 *
 * Invariants:
 * 1. The store holds batches that some task has not answered, and nothing else.
 * 2. Offers of a trip come in the order of its requests: one task asks for them, in order, every task of drivers answers in the order
 *    in which it was asked, and all answers come to the one task here. So no batch is complete before an earlier one.
 */
export class OfferGathering implements Processor<string, FoundBatch, string, string> {
  readonly #text = new OfferText()
  #context!: ProcessorContext<string, string>
  #open!: KeyValueStore<string, OpenBatch>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#open = context.store(OPEN_OFFERS_STORE)
  }

  process({ key: name, value: found, headers }: StreamRecord<string, FoundBatch>): void {
    const before = this.#open.get(name)
    const { task } = found
    // Under at_least_once an answer may come twice.
    if (before?.tasks.includes(task) === true) return
    const tasks = [...(before?.tasks ?? []), task]
    const isLast = tasks.length >= found.tasks
    const answer = isLast ? found : found.copy()
    const answers: Answers = before === null ? [answer] : [...before.answers, answer]
    if (!isLast) {
      this.#open.put(name, { tasks, answers })
      return
    }
    if (before !== null) this.#open.put(name, null)
    const merge = new FoundMerge(answers)
    for (const request of requestsIn(merge.requests)) {
      const [tripId, , , , , timestamp, texts] = request
      this.#context.forward(record(tripId, this.#text.write(request, merge), timestamp, onTrace(texts, headers)))
    }
    this.#context.commit(WAITED_FOR)
  }
}

function putTogether(answers: Answers): Buffer {
  const [first, ...others] = answers
  if (others.length === 0) return first.bytes
  const merge = new FoundMerge(answers)
  const writer = new FoundWriter(answers.reduce((sum, { bytes }) => sum + bytes.length, 0))
  writer.begin(0, first.tasks, merge.count, merge.text)
  for (let i = 0; i < merge.count; i++) writer.addFrom(merge)
  return writer.end(merge.requests)
}
