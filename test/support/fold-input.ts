import {
  applyDriverEvent,
  cellChange,
  type DriverCell,
  type DriverCellChanged,
} from '../../processors/driver-cells/driver-cells.ts'
import { eventCheck, keySerde, parseEvent } from '../../processors/events/event-serde.ts'
import type { AnyEvent } from '../../processors/events/ride-event.ts'
import {
  addTotal,
  EMPTY_HOUR,
  type HourTotal,
  hourAndFare,
  subtractTotal,
} from '../../processors/hourly-revenue/hourly-revenue.ts'
import { applyTripEvent, NO_TRIP, type Trip } from '../../processors/trip-state/trip-state.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'

/** A record's way through the pure functions, as the topology wires them. Throws InvalidRecordError. */
export function readEvent(topic: string, key: Buffer | null, value: Buffer | null): AnyEvent {
  const record = {
    topic,
    key: key === null ? null : keySerde.deserialize(topic, key),
    value: value === null ? null : parseEvent(topic, value),
    timestamp: 0,
    headers: NO_HEADERS,
  }
  eventCheck(record)
  return record.value as AnyEvent
}

/** Applies records in the order given and keeps everything the app would hold or announce. */
export class Fold {
  readonly trips = new Map<string, Trip>()
  readonly drivers = new Map<string, DriverCell>()
  readonly changes = new Map<string, DriverCellChanged[]>()
  readonly hours = new Map<string, HourTotal>()
  /** Index of each invalid record, with its reason. */
  readonly invalid = new Map<number, string>()
  private index = 0

  add(topic: string, key: Buffer | null, value: Buffer | null): void {
    const index = this.index++
    let event: AnyEvent
    try {
      event = readEvent(topic, key, value)
    } catch (error) {
      if (!(error instanceof InvalidRecordError)) throw error
      this.invalid.set(index, error.reason)
      return
    }
    if (event.type === 'driver.location.updated') this.drive(event.data.driverId, event)
    else this.ride(event.data.tripId, event)
  }

  private drive(id: string, event: Extract<AnyEvent, { type: 'driver.location.updated' }>): void {
    const before = this.drivers.get(id) ?? null
    const now = applyDriverEvent(before, event, 9)
    this.drivers.set(id, now)
    const change = cellChange(id, before, now)
    if (change !== null) this.changes.set(id, [...(this.changes.get(id) ?? []), change])
  }

  private ride(id: string, event: Exclude<AnyEvent, { type: 'driver.location.updated' }>): void {
    const before = this.trips.get(id) ?? NO_TRIP
    const now = applyTripEvent(before, event)
    this.trips.set(id, now)
    const from = hourAndFare(before)
    const to = hourAndFare(now)
    if (from !== null) this.hours.set(from[0], subtractTotal(this.hours.get(from[0]) ?? EMPTY_HOUR, from[1]))
    if (to !== null) this.hours.set(to[0], addTotal(this.hours.get(to[0]) ?? EMPTY_HOUR, to[1]))
  }
}
