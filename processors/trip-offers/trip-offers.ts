import { type KStream, type StreamPartitioner, stringSerde, type Topology } from '../../topology/index.ts'
import { DRIVER_EVENTS } from '../driver-cells/driver-cells.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import type { DriverEvent } from '../events/ride-event.ts'
import { DRIVER_CELLS_STORE, TRIP_OFFERS_TOPIC } from '../topics.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'
import { AskDrivers } from './ask-drivers.ts'
import { type AskedBatch, askedSerde } from './asked-batch.ts'
import { DriverIndex } from './driver-index.ts'
import { type FoundBatch, foundSerde } from './found-batch.ts'
import { OfferGathering, openOffersStore } from './offer-gathering.ts'

/** Names of the repartition topics, without what internal topics have around them. */
export const REQUESTS = 'trip-offers-requests'
export const NEAREST = 'trip-offers-nearest'

/** The record with the requests to task 0, the other one to all others. */
const toAll: StreamPartitioner = (_topic, _key, value, count) =>
  (value as AskedBatch).requests.length > 0 ? 0 : Array.from({ length: count - 1 }, (_, i) => i + 1)

const toAsker: StreamPartitioner = (_topic, _key, value, count) => (value as FoundBatch).asker % count

/**
 * Steps of trips -> requests to all tasks of drivers -> index of available drivers -> back to the task of the trip -> topic
 * trip.offers. To be called behind driver-cells (DriverIndex, invariant 1). docs/decisions/trip-offers-index.md says why.
 */
export function buildTripOffers(
  steps: KStream<string, TripStep>,
  drivers: KStream<string, DriverEvent>,
  driverTtlMs: number,
): void {
  const requests = steps
    .process(() => new AskDrivers(driverTtlMs), { name: 'trip-offers-ask' })
    .repartition({ name: REQUESTS, keySerde, valueSerde: askedSerde, partitioner: toAll, partitionsByValue: true })
  ;(drivers as KStream<string, DriverEvent | AskedBatch>)
    .merge(requests as KStream<string, DriverEvent | AskedBatch>, { name: 'trip-offers-drivers-and-requests' })
    .process(() => new DriverIndex(), { name: 'trip-offers-index', stores: [DRIVER_CELLS_STORE] })
    .repartition({ name: NEAREST, keySerde, valueSerde: foundSerde, partitioner: toAsker, partitionsByValue: true })
    .process(() => new OfferGathering(), { name: 'trip-offers-gather', stores: [openOffersStore] })
    .to(TRIP_OFFERS_TOPIC, {
      name: 'trip-offers-sink',
      keySerde,
      valueSerde: stringSerde,
      headers: outputHeaders(TRIP_OFFERS_TOPIC),
    })
}

/** Every task of drivers has a partition of requests. The DSL has no word for it. */
export function connectTripOffers(topology: Topology): void {
  topology.copartitionSources([DRIVER_EVENTS, `${REQUESTS}-repartition-source`])
}
