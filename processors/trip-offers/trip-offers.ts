import { jsonSerde, type KStream, type Serde, type StreamPartitioner, type Topology } from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import { DRIVER_CELLS_STORE, TRIP_OFFERS_TOPIC } from '../topics.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'
import { AskDrivers } from './ask-drivers.ts'
import { DriverIndex } from './driver-index.ts'
import { type AskedBatch, askedSerde, type FoundBatch, foundSerde } from './offer-batches.ts'
import { OfferGathering, openOffersStore, type TripOffers } from './offer-gathering.ts'

/** Names of the repartition topics, without what internal topics have around them. */
export const REQUESTS = 'trip-offers-requests'
export const NEAREST = 'trip-offers-nearest'

const ASK = 'trip-offers-ask'
const INDEX = 'trip-offers-index'
const GATHER = 'trip-offers-gather'

const toAll: StreamPartitioner = (_topic, _key, _value, count) => Array.from({ length: count }, (_, i) => i)

const toAsker: StreamPartitioner = (_topic, _key, value, count) => (value as FoundBatch).asker % count

/** Steps of trips -> batches of requests. */
export function buildTripOffers(steps: KStream<string, TripStep>, driverTtlMs: number): void {
  steps.process(() => new AskDrivers(driverTtlMs), { name: ASK })
}

/**
 * Requests to all tasks of drivers -> index of available drivers -> back to the task of the trip -> topic trip.offers.
 * Not in the DSL: the index stands among the tasks of drivers, whatever their number is. docs/decisions/trip-offers-index.md says why.
 */
export function connectTripOffers(topology: Topology): void {
  repartition<AskedBatch>(topology, { topic: REQUESTS, parent: ASK, valueSerde: askedSerde, partitioner: toAll })
  topology
    .addProcessor({
      name: INDEX,
      parents: ['driver-events', sourceOf(REQUESTS)],
      supplier: () => new DriverIndex(),
    })
    .connectProcessorAndStateStores(INDEX, [DRIVER_CELLS_STORE])
    .copartitionSources(['driver-events', sourceOf(REQUESTS)])
  repartition<FoundBatch>(topology, { topic: NEAREST, parent: INDEX, valueSerde: foundSerde, partitioner: toAsker })
  topology
    .addProcessor({ name: GATHER, parents: [sourceOf(NEAREST)], supplier: () => new OfferGathering() })
    .addStateStore(openOffersStore, [GATHER])
    .addSink<string, TripOffers>({
      name: 'trip-offers-sink',
      parents: [GATHER],
      topic: TRIP_OFFERS_TOPIC,
      keySerde,
      valueSerde: jsonSerde<TripOffers>(),
      headers: outputHeaders(TRIP_OFFERS_TOPIC),
    })
}

const sourceOf = (name: string): string => `${name}-repartition-source`

function repartition<V>(
  topology: Topology,
  options: {
    readonly topic: string
    readonly parent: string
    readonly valueSerde: Serde<V>
    readonly partitioner: StreamPartitioner
  },
): void {
  const { parent, valueSerde, partitioner } = options
  const topic = `${options.topic}-repartition`
  topology
    .addInternalTopic(topic)
    .addSink({
      name: `${topic}-sink`,
      parents: [parent],
      topic,
      keySerde,
      valueSerde,
      partitioner,
      partitionsByValue: true,
    })
    .addSource({ name: sourceOf(options.topic), topics: topic, keySerde, valueSerde })
}
