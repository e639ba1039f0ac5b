import { latLngToCell } from 'h3-js'

/*
 * The expected output of the app for given input records: a second implementation, from the text of docs/events.md, slow and
 * plain, which shares only the h3 library with processors/.
 */

export interface InputRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Record timestamp, when the caller wants it checked. */
  readonly timestamp?: number
}

/** The result of JSON.parse of an output value. */
export type Json = Record<string, unknown>

export interface ExpectedCellChange {
  readonly value: Json
  readonly correlationId: string | null
  readonly timestamp: number | undefined
}

export interface ExpectedHour {
  readonly hour: string
  readonly trips: number
  readonly cents: bigint
  /** `cents` as the nearest double: what JSON.parse makes of the output. */
  readonly revenue: number
}

export interface Oracle {
  /** trip.state by tripId. */
  readonly trips: ReadonlyMap<string, Json>
  /** All of driver.cell.changed by driverId, in order. */
  readonly cellChanges: ReadonlyMap<string, readonly ExpectedCellChange[]>
  /** Last position by driverId: {driverId, cell, lat, lng, status, at}. */
  readonly drivers: ReadonlyMap<string, Json>
  /** Hours that trips count for in the end. */
  readonly revenue: ReadonlyMap<string, ExpectedHour>
  /** Hours some version of a completion named but no trip ended up in: present with 0, 0 or absent (commits swallow). */
  readonly emptyHours: ReadonlySet<string>
  /** Sorted by topic, partition, offset. */
  readonly deadLetters: ReadonlyArray<{ readonly topic: string; readonly partition: number; readonly offset: number }>
  readonly validRecords: number
}

const TRIP_TYPES = ['trip.requested', 'trip.accepted', 'trip.started', 'trip.cancelled', 'trip.completed']
const STATUS: Record<string, string> = {
  'trip.requested': 'requested',
  'trip.accepted': 'accepted',
  'trip.started': 'started',
  'trip.cancelled': 'cancelled',
  'trip.completed': 'completed',
}

interface Valid {
  type: string
  id: string
  eventId: string
  instant: bigint
  data: Json
  correlationId: string | null
  recordTimestamp: number | undefined
}

export function oracle(input: readonly InputRecord[], h3Resolution = 9): Oracle {
  const records = [...input].sort(
    (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition || a.offset - b.offset,
  )
  const deadLetters: Array<{ topic: string; partition: number; offset: number }> = []
  const valid: Valid[] = []
  for (const record of records) {
    const event = read(record)
    if (event === null) deadLetters.push({ topic: record.topic, partition: record.partition, offset: record.offset })
    else valid.push(event)
  }
  const trips = new Map<string, Json>()
  const hours = new Map<string, { cents: bigint; trips: number }>()
  const namedHours = new Set<string>()
  for (const [tripId, events] of byId(valid.filter((event) => event.type !== 'driver.location.updated'))) {
    trips.set(tripId, tripState(tripId, events))
    for (const event of events) if (event.type === 'trip.completed') namedHours.add(hourOf(completedInstant(event)))
    const completion = greatestOf(events, 'trip.completed')
    if (completion === undefined) continue
    const hour = hourOf(completedInstant(completion))
    const total = hours.get(hour) ?? { cents: 0n, trips: 0 }
    hours.set(hour, { cents: total.cents + (completion.data.finalFare as Fare).cents, trips: total.trips + 1 })
  }
  const cellChanges = new Map<string, ExpectedCellChange[]>()
  const drivers = new Map<string, Json>()
  for (const [driverId, events] of byId(valid.filter((event) => event.type === 'driver.location.updated'))) {
    const walk = driverWalk(driverId, events, h3Resolution)
    cellChanges.set(driverId, walk.changes)
    drivers.set(driverId, walk.last)
  }
  const revenue = new Map(
    [...hours].map(([hour, { cents, trips: count }]) => [
      hour,
      { hour, trips: count, cents, revenue: Number(`${cents}e-2`) },
    ]),
  )
  return {
    trips,
    cellChanges,
    drivers,
    revenue,
    emptyHours: new Set([...namedHours].filter((hour) => !hours.has(hour))),
    deadLetters,
    validRecords: valid.length,
  }
}

/** Differences between the latest analytics.hourly_revenue values and the oracle, in words; [] = equal. */
export function revenueDifferences(expected: Oracle, actual: ReadonlyMap<string, Json>): string[] {
  const differences: string[] = []
  for (const [hour, { revenue, trips }] of expected.revenue) {
    const row = JSON.stringify(actual.get(hour))
    const wanted = JSON.stringify({ hour, revenue, trips })
    if (row !== wanted) differences.push(`${hour}: ${row}, expected ${wanted}`)
  }
  for (const [hour, row] of actual) {
    if (expected.revenue.has(hour)) continue
    if (!expected.emptyHours.has(hour)) differences.push(`${hour}: no trip ever named this hour`)
    else if (row.revenue !== 0 || row.trips !== 0 || row.hour !== hour) {
      differences.push(`${hour}: ${JSON.stringify(row)}, expected an empty hour`)
    }
  }
  return differences
}

function byId(events: readonly Valid[]): Map<string, Valid[]> {
  const groups = new Map<string, Valid[]>()
  for (const event of events) {
    const group = groups.get(event.id)
    if (group === undefined) groups.set(event.id, [event])
    else group.push(event)
  }
  return groups
}

function greater(a: Valid, b: Valid): boolean {
  return a.instant > b.instant || (a.instant === b.instant && a.eventId > b.eventId)
}

function greatest(events: readonly Valid[]): Valid | undefined {
  let best: Valid | undefined
  for (const event of events) if (best === undefined || greater(event, best)) best = event
  return best
}

function greatestOf(events: readonly Valid[], type: string): Valid | undefined {
  return greatest(events.filter((event) => event.type === type))
}

function tripState(tripId: string, events: readonly Valid[]): Json {
  const kept = TRIP_TYPES.map((type) => greatestOf(events, type)).filter((event) => event !== undefined)
  const furthest = kept.at(-1)
  const last = greatest(events)
  if (furthest === undefined || last === undefined) throw new Error('a trip without events')
  // Fields of each type; anything else in its data is an extra field.
  const known: Record<string, string[]> = {
    'trip.requested': ['passengerId', 'pickup', 'dropoff', 'vehicleType', 'estimatedFare'],
    'trip.accepted': ['driverId'],
    'trip.started': ['driverId'],
    'trip.cancelled': [],
    'trip.completed': ['driverId', 'finalFare'],
  }
  const field = (name: string): unknown => {
    const carriers = kept.filter((event) => known[event.type]?.includes(name) && event.data[name] !== undefined)
    return carriers.at(-1)?.data[name] ?? null
  }
  const place = (name: string): Json | null => {
    const raw = field(name) as Json | null
    return raw === null ? null : { lat: raw.lat, lng: raw.lng, address: raw.address ?? null }
  }
  const fare = (name: string): number | null => (field(name) as Fare | null)?.units ?? null
  const time = (type: string): string | null => {
    const event = kept.find((one) => one.type === type)
    if (event === undefined) return null
    return isoOf(type === 'trip.completed' ? completedInstant(event) : event.instant)
  }
  return {
    tripId,
    status: STATUS[furthest.type],
    passengerId: field('passengerId'),
    driverId: field('driverId'),
    pickup: place('pickup'),
    dropoff: place('dropoff'),
    vehicleType: field('vehicleType'),
    estimatedFare: fare('estimatedFare'),
    finalFare: fare('finalFare'),
    requestedAt: time('trip.requested'),
    acceptedAt: time('trip.accepted'),
    startedAt: time('trip.started'),
    completedAt: time('trip.completed'),
    cancelledAt: time('trip.cancelled'),
    updatedAt: isoOf(last.instant),
    lastEventId: last.eventId,
  }
}

function driverWalk(
  driverId: string,
  events: readonly Valid[],
  h3Resolution: number,
): { changes: ExpectedCellChange[]; last: Json } {
  const changes: ExpectedCellChange[] = []
  let last: { event: Valid; cell: string } | null = null
  for (const event of events) {
    if (last !== null && !greater(event, last.event)) continue
    const { lat, lng } = event.data.location as { lat: number; lng: number }
    const cell = latLngToCell(lat, lng, h3Resolution)
    const previousCell: string | null = last === null ? null : last.cell
    if (cell !== previousCell) {
      const status = event.data.status ?? null
      changes.push({
        value: { driverId, cell, previousCell, lat: lat + 0, lng: lng + 0, status, at: isoOf(event.instant) },
        correlationId: event.correlationId,
        timestamp: event.recordTimestamp,
      })
    }
    last = { event, cell }
  }
  if (last === null) throw new Error('a driver without events')
  const { lat, lng } = last.event.data.location as { lat: number; lng: number }
  const at = isoOf(last.event.instant)
  return {
    changes,
    last: { driverId, cell: last.cell, lat: lat + 0, lng: lng + 0, status: last.event.data.status ?? null, at },
  }
}

function completedInstant(event: Valid): bigint {
  const given = event.data.completedAt
  return given === undefined ? event.instant : (instantOf(given) as bigint)
}

/** Instants are counted in 1e-30 s: finer than any fraction a test writes. */
const PER_MS = 10n ** 27n

function isoOf(instant: bigint): string {
  return new Date(Number(floorDiv(instant, PER_MS))).toISOString()
}

function hourOf(instant: bigint): string {
  const hour = floorDiv(instant, PER_MS * 3_600_000n)
  return new Date(Number(hour) * 3_600_000).toISOString().replace('.000Z', 'Z')
}

function floorDiv(a: bigint, b: bigint): bigint {
  return a / b - (a % b < 0n ? 1n : 0n)
}

/** Null when the text is not an ISO 8601 instant with Z or an offset. */
export function instantOf(text: unknown): bigint | null {
  if (typeof text !== 'string') return null
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)$/.exec(
    text,
  )
  if (match === null || match[0].length !== text.length) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fraction = BigInt((match[7] ?? '').padEnd(30, '0').slice(0, 30))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null
  const endOfDay = hour === 24 && minute === 0 && second === 0 && fraction === 0n
  if ((hour > 23 && !endOfDay) || minute > 59 || second > 59) return null
  const offsetHours = Number(match[9] ?? 0)
  const offsetMinutes = Number(match[10] ?? 0)
  if (offsetHours > 23 || offsetMinutes > 59) return null
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes)
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second
  if (seconds < Date.UTC(2000, 0) / 1000 - 2000 * 365.2425 * 86_400 || seconds >= Date.UTC(10_000, 0) / 1000)
    return null
  return BigInt(seconds) * 1000n * PER_MS + fraction
}

interface Fare {
  cents: bigint
  units: number
}

/** Null when the record breaks any rule. */
function read(record: InputRecord): Valid | null {
  if (record.key === null || record.value === null) return null
  const keyText = utf8(record.key)
  const text = utf8(record.value)
  if (keyText === null || text === null) return null
  if (record.value.length > 1024 * 1024 || nesting(text) > 200) return null
  const sources = new Map<string, string>()
  let envelope: unknown
  try {
    envelope = JSON.parse(text, function (this: unknown, name: string, value: unknown, context?: { source?: string }) {
      if (name.endsWith('Fare') && typeof value === 'number') sources.set(name, context?.source ?? '')
      return value
    } as (this: unknown, key: string, value: unknown) => unknown)
  } catch {
    return null // not JSON
  }
  if (!isObject(envelope) || !isObject(envelope.data)) return null
  const { eventId, eventType, eventVersion, timestamp, correlationId, metadata } = envelope
  const data: Json = { ...envelope.data }
  if (!allStrings(eventId, eventType, eventVersion, timestamp)) return null
  if (correlationId !== undefined && typeof correlationId !== 'string') return null
  if (metadata !== undefined) {
    if (!isObject(metadata)) return null
    for (const name of ['producedBy', 'environment']) {
      if (metadata[name] !== undefined && typeof metadata[name] !== 'string') return null
    }
  }
  if (eventType !== record.topic) return null
  if (!/^1(\.[0-9]+)?$/.test(eventVersion as string) || (eventVersion as string).endsWith('\n')) return null
  const instant = instantOf(timestamp)
  if (instant === null || !dataFits(eventType as string, data, sources)) return null
  const id = data[eventType === 'driver.location.updated' ? 'driverId' : 'tripId']
  if (id !== keyText || keyText.length < 1 || keyText.length > 1024) return null
  const ids = [eventId, correlationId, data.tripId, data.driverId, data.passengerId]
  if (ids.some((one) => typeof one === 'string' && !isUnicode(one))) return null
  return {
    type: eventType as string,
    id: keyText,
    eventId: eventId as string,
    instant,
    data,
    correlationId: (correlationId as string | undefined) ?? null,
    recordTimestamp: record.timestamp === undefined || record.timestamp >= 0 ? record.timestamp : timeOf(instant),
  }
}

/** Time of an output whose event came in a record without a time. */
function timeOf(instant: bigint): number {
  return Math.max(0, Number(floorDiv(instant, PER_MS)))
}

/** Levels of brackets outside of strings; of a text that is no JSON, any number. */
function nesting(text: string): number {
  let depth = 0
  let most = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '[' || token === '{') most = Math.max(most, ++depth)
    else if (token === ']' || token === '}') depth--
  }
  return most
}

function isUnicode(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text
}

/** Checks data and replaces fares by exact ones. */
function dataFits(type: string, data: Json, sources: ReadonlyMap<string, string>): boolean {
  const string = (name: string, optional = false) =>
    typeof data[name] === 'string' || (optional && data[name] === undefined)
  const number = (name: string) => data[name] === undefined || Number.isFinite(data[name])
  const place = (name: string) => {
    const raw = data[name]
    if (!isObject(raw)) return false
    const fits = (value: unknown, limit: number) => typeof value === 'number' && Math.abs(value) <= limit
    return fits(raw.lat, 90) && fits(raw.lng, 180)
  }
  const address = (name: string) => {
    const raw = data[name] as Json
    return raw.address === undefined || typeof raw.address === 'string'
  }
  const fare = (name: string) => {
    const units = data[name]
    if (typeof units !== 'number' || !Number.isFinite(units) || units < 0) return false
    const cents = centsOf(sources.get(name) ?? '')
    if (cents === null) return false
    data[name] = { cents, units: units + 0 } satisfies Fare
    return true
  }
  switch (type) {
    case 'trip.requested':
      return (
        string('tripId') &&
        string('passengerId') &&
        string('vehicleType') &&
        place('pickup') &&
        address('pickup') &&
        place('dropoff') &&
        address('dropoff') &&
        fare('estimatedFare')
      )
    case 'trip.accepted':
      return string('tripId') && string('driverId') && number('etaSeconds')
    case 'trip.started':
      return string('tripId') && string('driverId', true)
    case 'trip.completed':
      return (
        string('tripId') &&
        string('driverId', true) &&
        fare('finalFare') &&
        number('distanceMeters') &&
        number('durationSeconds') &&
        (data.completedAt === undefined || instantOf(data.completedAt) !== null)
      )
    case 'trip.cancelled':
      return string('tripId') && string('cancelledBy', true) && string('reason', true)
    case 'driver.location.updated':
      return (
        string('driverId') &&
        place('location') &&
        number('heading') &&
        number('speed') &&
        [undefined, 'available', 'on_trip', 'offline'].includes(data.status as string | undefined)
      )
    default:
      return false
  }
}

/** Cents of a JSON number text; null with more than two decimals. */
function centsOf(text: string): bigint | null {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  // value = digits * 10^power, in cents
  let digits = BigInt(whole + fraction)
  let power = Number(exponent) - fraction.length + 2
  for (; power > 0; power--) digits *= 10n
  for (; power < 0; power++) {
    if (digits % 10n !== 0n) return null
    digits /= 10n
  }
  return digits
}

function utf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null // not UTF-8
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function allStrings(...values: unknown[]): boolean {
  return values.every((value) => typeof value === 'string')
}
