import { jsonSerde, type KStream, type StreamsBuilder } from '../../topology/index.ts'
import { driverCellsStore } from '../driver-cells/driver-cells.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { eventCheck, eventSerde, eventTimestamp, keySerde } from '../events/event-serde.ts'
import type { DriverEvent } from '../events/ride-event.ts'
import { DRIVER_TOPIC, TRIP_OFFERS_TOPIC } from '../topics.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'
import { AreaQuestions } from './area-questions.ts'
import { availableDriversStore, DriverIndex } from './driver-index.ts'
import { DriverPositions } from './driver-positions.ts'
import { INDEX_PARTITIONS, type IndexInput, indexInputSerde } from './index-input.ts'
import { areaAnswerSerde, OfferGathering, offerStores, type TripOffers } from './offer-gathering.ts'

/** To be called before driver-cells is built (driver-positions.ts says why): sources of equal topics become one. */
export function driverPositions(builder: StreamsBuilder): KStream<string, IndexInput> {
  return builder
    .stream<string, DriverEvent>(DRIVER_TOPIC, {
      name: 'driver-events',
      keySerde,
      valueSerde: eventSerde<DriverEvent>(),
      timestampExtractor: eventTimestamp,
      check: eventCheck,
      checksPartitions: true,
    })
    .process(() => new DriverPositions(), { name: 'trip-offers-driver-positions', stores: [driverCellsStore] })
}

/**
 * Positions and questions, each through a repartition by area -> index of available drivers -> repartition by trip ->
 * topic trip.offers. docs/decisions/trip-offers-index.md says why.
 */
export function buildTripOffers(
  steps: KStream<string, TripStep>,
  positions: KStream<string, IndexInput>,
  driverTtlMs: number,
): void {
  const byArea = { keySerde, valueSerde: indexInputSerde, partitions: INDEX_PARTITIONS }
  const questions = steps
    .process(() => new AreaQuestions(), { name: 'trip-offers-ask' })
    .repartition({ ...byArea, name: 'trip-offers-questions' })
  positions
    .repartition({ ...byArea, name: 'trip-offers-positions' })
    .merge(questions, { name: 'trip-offers-by-area' })
    .process(() => new DriverIndex(driverTtlMs), {
      name: 'trip-offers-index',
      stores: [availableDriversStore],
    })
    .repartition({ name: 'trip-offers-answers', keySerde, valueSerde: areaAnswerSerde })
    .processValues(() => new OfferGathering(), { name: 'trip-offers-gather', stores: offerStores })
    .to(TRIP_OFFERS_TOPIC, {
      name: 'trip-offers-sink',
      keySerde,
      valueSerde: jsonSerde<TripOffers>(),
      headers: outputHeaders(TRIP_OFFERS_TOPIC),
    })
}
