import type { Serde } from '../state/ports/serde.ts'
import { moneyToJson } from './money.ts'
import { formatInstant } from './time/format-instant.ts'
import { type KeptMark, latestOf, statusOf, type Trip } from './trip.ts'

/** A trip on its way to topic trip.state. */
export interface TripView {
  readonly tripId: string
  readonly trip: Trip
}

/**
 * For the sink only. The text is that of JSON.stringify(tripStateOf(tripId, trip)), put together from the texts that the
 * trip's parts keep: a third of the cost.
 */
export const tripStateSerde: Serde<TripView> = {
  serialize: (_topic, { tripId, trip }) => tripStateText(tripId, trip),
  deserialize(topic): never {
    throw new TypeError(`trip states are not read by the topology (topic ${topic})`)
  },
}

const NO_RIDE = '"pickup":null,"dropoff":null,"vehicleType":null,"estimatedFare":null'

export function tripStateText(tripId: string, trip: Trip): string {
  const { requested, accepted, started, cancelled, completed } = trip
  const last = latestOf(trip)
  const driverId = completed?.driverId ?? started?.driverId ?? accepted?.driverId ?? null
  const fare = completed === null ? 'null' : JSON.stringify(moneyToJson(completed.finalFare))
  const updated = last === completed ? `"${formatInstant(last.at)}"` : last.time
  return (
    `{"tripId":${JSON.stringify(tripId)},"status":"${statusOf(trip)}"` +
    `,"passengerId":${requested === null ? 'null' : requested.passenger},"driverId":${JSON.stringify(driverId)}` +
    `,${requested === null ? NO_RIDE : requested.ride},"finalFare":${fare}` +
    `,"requestedAt":${timeOf(requested)},"acceptedAt":${timeOf(accepted)},"startedAt":${timeOf(started)}` +
    `,"completedAt":${timeOf(completed)},"cancelledAt":${timeOf(cancelled)}` +
    `,"updatedAt":${updated},"lastEventId":${JSON.stringify(last.eventId)}}`
  )
}

function timeOf(kept: KeptMark | null): string {
  return kept === null ? 'null' : kept.time
}
