import type { Serde } from '../../topology/index.ts'
import { NO_TRIP, type Trip } from '../trip-state/trip.ts'
import { type TripRow, tripOfRow, tripToRow } from '../trip-state/trip-serde.ts'
import { type EventRow, eventOfRow, rowTextOf } from './kept-event.ts'
import type { KeptHistory } from './trip-history.ts'

/** Store and changelog: `[before, [event, ...]]`, JSON arrays by position. */
type Row = [before: TripRow, events: EventRow[]]

const textOf = (trip: Trip): string => JSON.stringify(tripToRow(trip))
const NO_TRIP_TEXT = textOf(NO_TRIP)

export const tripHistorySerde: Serde<KeptHistory> = {
  serialize(_topic, { before, events }) {
    let text = `[${before === NO_TRIP ? NO_TRIP_TEXT : textOf(before)},[`
    for (let i = 0; i < events.length; i++)
      text += (i === 0 ? '' : ',') + rowTextOf(events[i] as KeptHistory['events'][0])
    return `${text}]]`
  },
  deserialize(_topic, bytes) {
    const [before, events] = JSON.parse(bytes.toString('utf8')) as Row
    return { before: tripOfRow(before), events: events.map(eventOfRow) }
  },
}
