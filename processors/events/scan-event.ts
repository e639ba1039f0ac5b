import { centsOfNumber } from '../money.ts'
import { instantMs, instantMsOfBytes, subMsDigits } from '../time/parse-instant.ts'
import { EventScanner } from './event-scanner.ts'
import { MOST_KEPT_TEXT } from './kept-text.ts'
import type { AnyEvent } from './ride-event.ts'
import {
  DRIVER_STATUSES,
  type DriverStatus,
  EVENT_SCHEMAS,
  type EventData,
  type EventType,
  fareFieldOf,
  KEY_FIELD,
  MOST_ID,
} from './schemas.ts'

/** Reads an event off its bytes; null for everything that the parser of the whole text has to judge. */
export type EventScan = (bytes: Buffer, start: number, end: number) => AnyEvent | null

const ONE = 0x31
const DOT = 0x2e
const ZERO = 0x30

/** The scan of one topic. It accepts events as our producers write them, at a third of what JSON.parse and the schema cost. */
export function eventScan(type: EventType): EventScan {
  const scanner = new EventScanner(EVENT_SCHEMAS[type])
  const eventId = scanner.slot('eventId')
  const eventVersion = scanner.slot('eventVersion')
  const timestamp = scanner.slot('timestamp')
  const correlationId = scanner.slot('correlationId')
  const key = scanner.slot(`data.${KEY_FIELD[type]}`)
  const dataOf = DATA[type](scanner)
  const fareField = fareFieldOf(type)
  const fare = fareField === null ? -1 : scanner.slot(`data.${fareField}`)
  const completedAt = type === 'trip.completed' ? scanner.slot('data.completedAt') : -1

  return (bytes, start, end) => {
    if (end - start > MOST_KEPT_TEXT || !scanner.scan(bytes, start, end)) return null
    if (!isVersionOne(bytes, scanner.start(eventVersion), scanner.end(eventVersion))) return null
    const idLength = scanner.end(key) - scanner.start(key)
    if (idLength === 0 || idLength > MOST_ID) return null
    let at = instantMsOfBytes(bytes, scanner.start(timestamp), scanner.end(timestamp))
    let sub = ''
    if (Number.isNaN(at)) {
      const text = scanner.text(timestamp)
      at = instantMs(text)
      sub = subMsDigits(text)
    }
    const cents = fare < 0 ? null : centsOfNumber(scanner.number(fare))
    const completed = completedAt < 0 || !scanner.has(completedAt) ? null : instantMs(scanner.text(completedAt))
    if (Number.isNaN(at) || cents === undefined || Number.isNaN(cents) || Number.isNaN(completed)) return null
    return {
      type,
      eventId: scanner.text(eventId),
      at,
      sub,
      correlationId: scanner.has(correlationId) ? scanner.text(correlationId) : null,
      data: dataOf(),
      fare: cents,
      completedAt: completed,
    } as AnyEvent
  }
}

/** `1.0` or `1`. */
function isVersionOne(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== ONE) return false
  return end - start === 1 || (end - start === 3 && bytes[start + 1] === DOT && bytes[start + 2] === ZERO)
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type DataOf<T extends EventType> = (s: EventScanner) => () => EventData[T]

/** Make the data of a scanned event: what the schema names, and no more. */
const DATA: { readonly [T in EventType]: DataOf<T> } = {
  'trip.requested'(s) {
    const [tripId, passengerId, vehicleType] = slots(s, 'tripId', 'passengerId', 'vehicleType')
    const [estimatedFare] = slots(s, 'estimatedFare')
    const pickup = placeOf(s, 'pickup')
    const dropoff = placeOf(s, 'dropoff')
    return () => ({
      tripId: s.text(tripId),
      passengerId: s.text(passengerId),
      pickup: pickup(),
      dropoff: dropoff(),
      estimatedFare: s.number(estimatedFare),
      vehicleType: s.text(vehicleType),
    })
  },
  'trip.accepted'(s) {
    const [tripId, driverId, etaSeconds] = slots(s, 'tripId', 'driverId', 'etaSeconds')
    return () => {
      const data: Mutable<EventData['trip.accepted']> = { tripId: s.text(tripId), driverId: s.text(driverId) }
      if (s.has(etaSeconds)) data.etaSeconds = s.number(etaSeconds)
      return data
    }
  },
  'trip.started'(s) {
    const [tripId, driverId] = slots(s, 'tripId', 'driverId')
    return () => {
      const data: Mutable<EventData['trip.started']> = { tripId: s.text(tripId) }
      if (s.has(driverId)) data.driverId = s.text(driverId)
      return data
    }
  },
  'trip.completed'(s) {
    const [tripId, driverId, finalFare] = slots(s, 'tripId', 'driverId', 'finalFare')
    const [distanceMeters, durationSeconds, completedAt] = slots(s, 'distanceMeters', 'durationSeconds', 'completedAt')
    return () => {
      const data: Mutable<EventData['trip.completed']> = { tripId: s.text(tripId), finalFare: s.number(finalFare) }
      if (s.has(driverId)) data.driverId = s.text(driverId)
      if (s.has(distanceMeters)) data.distanceMeters = s.number(distanceMeters)
      if (s.has(durationSeconds)) data.durationSeconds = s.number(durationSeconds)
      if (s.has(completedAt)) data.completedAt = s.text(completedAt)
      return data
    }
  },
  'trip.cancelled'(s) {
    const [tripId, cancelledBy, reason] = slots(s, 'tripId', 'cancelledBy', 'reason')
    return () => {
      const data: Mutable<EventData['trip.cancelled']> = { tripId: s.text(tripId) }
      if (s.has(cancelledBy)) data.cancelledBy = s.text(cancelledBy)
      if (s.has(reason)) data.reason = s.text(reason)
      return data
    }
  },
  'driver.location.updated'(s) {
    const [driverId, status] = slots(s, 'driverId', 'status')
    const [lat, lng, heading, speed] = slots(s, 'location.lat', 'location.lng', 'heading', 'speed')
    return () => {
      const location = { lat: s.number(lat), lng: s.number(lng) }
      const data: Mutable<EventData['driver.location.updated']> = { driverId: s.text(driverId), location }
      if (s.has(heading)) data.heading = s.number(heading)
      if (s.has(speed)) data.speed = s.number(speed)
      if (s.has(status)) data.status = DRIVER_STATUSES[s.number(status)] as DriverStatus
      return data
    }
  },
}

function placeOf(s: EventScanner, field: 'pickup' | 'dropoff') {
  const [lat, lng, address] = slots(s, `${field}.lat`, `${field}.lng`, `${field}.address`)
  return (): EventData['trip.requested']['pickup'] => {
    const place: Mutable<EventData['trip.requested']['pickup']> = { lat: s.number(lat), lng: s.number(lng) }
    if (s.has(address)) place.address = s.text(address)
    return place
  }
}

function slots<const P extends readonly string[]>(s: EventScanner, ...paths: P): { readonly [K in keyof P]: number } {
  return paths.map((path) => s.slot(`data.${path}`)) as { [K in keyof P]: number }
}
