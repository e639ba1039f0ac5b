import { describe, expect, it } from 'vitest'
import { readEvent } from '../../../app/topics/read-event.ts'
import { Differences } from '../../../app/verify/differences.ts'
import { DriverFold } from '../../../app/verify/drivers.ts'
import { LatestValues } from '../../../app/verify/latest-values.ts'
import { LetterFold } from '../../../app/verify/letters.ts'
import { type AnyTotals, TotalsFold } from '../../../app/verify/totals.ts'
import { TripFold } from '../../../app/verify/trips.ts'
import { driverCellSerde } from '../../../processors/driver-cells/driver-cells.ts'
import type { DriverEvent, TripEvent } from '../../../processors/events/ride-event.ts'
import { hourlyRevenue } from '../../../processors/hourly-revenue/descriptor.ts'
import { fareOf, hourTotalSerde } from '../../../processors/hourly-revenue/hourly-revenue.ts'
import { tripSerde } from '../../../processors/trip-state/trip-serde.ts'
import { NO_TRIP, type Trip } from '../../../processors/trip-state/trip-state.ts'
import type { LogRecord } from '../../../runtime/ports/log.ts'
import { cutLetters, deadLetterHeaders } from '../../../runtime/task/dead-letter.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { changeSerde } from '../../../topology/change-serde.ts'

let offset = 0

function record(key: string | null, value: unknown): LogRecord {
  const text = typeof value === 'string' || value === null ? value : JSON.stringify(value)
  const bytes = (part: string | null) => (part === null ? null : Buffer.from(part))
  return { offset: offset++, timestamp: 0, key: bytes(key), value: bytes(text), headers: NO_HEADERS }
}

function event(type: string, key: string, minute: number, data: object): TripEvent | DriverEvent {
  const timestamp = `2025-10-29T10:${String(minute).padStart(2, '0')}:00Z`
  const envelope = { eventId: `e${minute}`, eventType: type, eventVersion: '1.0', timestamp, data }
  const read = readEvent(type, record(key, envelope))
  if (read === null) throw new Error('not valid')
  return read
}

const ping = (minute: number, lat: number) =>
  event('driver.location.updated', 'd', minute, { driverId: 'd', location: { lat, lng: -74 } }) as DriverEvent
const completed = (minute: number, finalFare: number) =>
  event('trip.completed', 't', minute, { tripId: 't', finalFare }) as TripEvent
const accepted = (minute: number, driverId: string) =>
  event('trip.accepted', 't', minute, { tripId: 't', driverId }) as TripEvent

const found = ({ rows, topics }: Differences) => ({
  rows: rows.map(({ topic, key, kind }) => `${topic} ${key} ${kind}`),
  unjudged: topics.reduce((sum, { unjudged }) => sum + unjudged, 0),
})

describe('TripFold', () => {
  const stored = (events: readonly TripEvent[]): Trip => {
    const fold = new TripFold('log', () => false)
    for (const one of events) fold.add(one)
    return fold.trips.get('t') ?? NO_TRIP
  }

  function check(left: readonly TripEvent[], row: string | null, gone: readonly string[]) {
    const fold = new TripFold('log', (topic) => gone.includes(topic))
    for (const one of left) fold.add(one)
    const rows = fold.store()
    rows.add(record('t', row))
    const differences = new Differences(0)
    fold.reportStore(rows, differences)
    return { ...found(differences), trip: fold.trips.get('t') }
  }
  const text = (trip: Trip) => String(tripSerde.serialize('', trip))

  it('trusts the store only for event types whose events may have been removed', () => {
    const row = stored([accepted(1, 'd-1'), completed(20, 9)])
    expect(check([completed(20, 9)], text(row), ['trip.accepted'])).toEqual({ rows: [], unjudged: 1, trip: row })
    expect(check([completed(20, 9)], text(row), ['trip.cancelled']).rows).toEqual(['log t different'])
    expect(check([], text(row), ['trip.accepted']).rows).toEqual(['log t different'])
    expect(check([], text(row), []).rows).toEqual(['log t unexpected'])
  })

  it('does not trust a store that has lost or altered an event that is still in the topic', () => {
    const gone = ['trip.accepted', 'trip.completed']
    const left = [accepted(5, 'd-2'), completed(20, 9)]
    expect(check(left, text(stored([accepted(1, 'd-1'), completed(20, 9)])), gone).rows).toEqual(['log t different'])
    expect(check(left, text(stored([accepted(5, 'd-2'), completed(20, 9.01)])), gone).rows).toEqual(['log t different'])
    expect(check(left, null, gone).rows).toEqual(['log t missing'])
    expect(check(left, 'garbage', gone).rows).toEqual(['log t different'])
  })

  it('compares only the last value of a key', () => {
    const fold = new TripFold('log', () => false)
    fold.add(completed(20, 9))
    const rows = fold.store()
    for (const value of ['garbage', null, text(stored([completed(20, 9)]))]) rows.add(record('t', value))
    const differences = new Differences(0)
    fold.reportStore(rows, differences)
    expect(found(differences)).toEqual({ rows: [], unjudged: 0 })
  })
})

describe('DriverFold', () => {
  const whole = { changelog: 'log', h3Resolution: 9, isInputGone: false, isOutputGone: false, isRewound: false }
  /** The records that the application writes for these events. */
  function announced(events: readonly DriverEvent[]) {
    const fold = new DriverFold(whole)
    const changes: string[] = []
    for (const one of events) {
      fold.add(one)
      const last = fold.drivers.get('d')?.changes?.last
      if (last !== undefined && last !== changes.at(-1)) changes.push(last)
    }
    return { changes, row: String(driverCellSerde.serialize('', fold.drivers.get('d')?.cell as never)) }
  }

  function check(left: readonly DriverEvent[], row: string, changes: readonly string[], options = {}) {
    const fold = new DriverFold({ ...whole, ...options })
    for (const one of left) fold.add(one)
    const rows = fold.store()
    rows.add(record('d', row))
    const differences = new Differences(0)
    fold.reportStore(rows, differences)
    for (const change of changes) fold.addChange(record('d', change))
    fold.reportOutput(differences)
    return found(differences)
  }

  const events = [ping(1, 40.1), ping(2, 40.2), ping(3, 40.3), ping(4, 40.4)]
  const { changes, row } = announced(events)

  it('accepts the changes of the fold, each once and in order', () => {
    expect(changes).toHaveLength(4)
    expect(check(events, row, changes)).toEqual({ rows: [], unjudged: 0 })
    const broken = ['driver.cell.changed d broken-chain']
    expect(check(events, row, changes.slice(1)).rows).toEqual(broken)
    expect(check(events, row, [...changes.slice(0, 2), ...changes.slice(3)]).rows).toEqual(broken)
    expect(check(events, row, [...changes, changes[3] ?? '']).rows).toEqual(broken)
    expect(check(events, row, ['null', ...changes]).rows).toEqual(broken)
    const different = ['driver.cell.changed d different']
    expect(check(events, row, changes.slice(0, 3)).rows).toEqual(different)
    expect(check(events, row, [changes[0]?.replace('40.1', '40.11') ?? '', ...changes.slice(1)]).rows).toEqual(
      different,
    )
    expect(check(events, row, []).rows).toEqual(['driver.cell.changed d missing'])
  })

  it('lets a chain begin anywhere when retention removed older changes', () => {
    const gone = { isOutputGone: true }
    expect(check(events, row, changes.slice(2), gone)).toEqual({ rows: [], unjudged: 0 })
    expect(check(events, row, [], gone)).toEqual({ rows: [], unjudged: 1 })
    expect(check(events, row, [changes[1] ?? '', changes[3] ?? ''], gone).rows).toHaveLength(1)
  })

  it('trusts a store that knows a later event than the topic still has, and checks the output topic against it', () => {
    const gone = { isInputGone: true }
    expect(check(events.slice(0, 2), row, changes, gone)).toEqual({ rows: [], unjudged: 2 })
    expect(check([], row, changes, gone)).toEqual({ rows: [], unjudged: 2 })
    expect(check([], row, changes.slice(0, 3), gone).rows).toEqual(['driver.cell.changed d different'])
    expect(check(events, announced(events.slice(0, 2)).row, changes, gone).rows).toEqual(['log d different'])
  })
})

describe('TotalsFold', () => {
  const hourFold = (): AnyTotals => {
    const { fold } = hourlyRevenue
    if (fold === null || fold === 'own') throw new Error('hourly-revenue sums over trips')
    return fold.use<AnyTotals>((sums) => new TotalsFold(sums))
  }
  const serde = changeSerde(hourTotalSerde)
  const hour = '2025-10-29T10:00:00Z'
  const trip = (fare: number): Trip => {
    const fold = new TripFold('log', () => false)
    fold.add(completed(20, fare))
    return fold.trips.get('t') ?? NO_TRIP
  }
  function check(fold: AnyTotals, row: string | null) {
    const rows = fold.store('log')
    if (row !== null) rows.add(record(hour, row))
    const differences = new Differences(0)
    fold.reportStore(rows, differences)
    return found(differences).rows
  }
  const pending = (newValue: number | null, oldValue: number | null): LogRecord => {
    const part = (cents: number | null) => (cents === null ? null : fareOf(cents))
    const value = serde.serialize('', { newValue: part(newValue), oldValue: part(oldValue), isLatest: true })
    return { ...record(hour, null), value: Buffer.from(value) }
  }

  it('expects the store to hold what has left the repartition topic', () => {
    const fold = hourFold()
    fold.add(trip(9))
    fold.add(trip(5))
    expect(check(fold, '[1400,2]')).toEqual([])
    fold.takeBack(pending(500, null))
    expect(check(fold, '[900,1]')).toEqual([])
    fold.takeBack(pending(900, 700))
    expect(check(fold, '[700,1]')).toEqual([])
    expect(check(fold, '[900,1]')).toEqual(['log 2025-10-29T10:00:00Z different'])
    expect(check(fold, null)).toEqual(['log 2025-10-29T10:00:00Z missing'])
  })

  it('accepts a missing hour without trips, and requires an existing one to be empty', () => {
    const fold = hourFold()
    fold.add(trip(9))
    fold.takeBack(pending(900, null))
    for (const row of ['[0,0]', null]) expect([check(fold, row), check(hourFold(), row)]).toEqual([[], []])
    expect(check(fold, '[1,0]')).toEqual(['log 2025-10-29T10:00:00Z different'])
    expect(check(hourFold(), '[900,1]')).toEqual(['log 2025-10-29T10:00:00Z unexpected'])
    const output = fold.output()
    output.add(record(hour, '{"hour":"2025-10-29T10:00:00Z","revenue":0,"trips":0}'))
    const differences = new Differences(0)
    fold.reportOutput(output, differences)
    expect(found(differences).rows).toEqual([])
  })
})

describe('LetterFold', () => {
  const source = { topic: 'trip.completed', partition: 2 }
  const raw = record('t', 'x'.repeat(1000))
  const headers = deadLetterHeaders(source, raw, new Error('no event'))

  /** Differences found in a letter of `raw` with this key and value. */
  function check(letter: Pick<LogRecord, 'key' | 'value' | 'headers'>): string[] {
    const fold = new LetterFold({
      topic: 'dlq',
      sources: [source.topic],
      firstOffset: () => 0,
      isOutputGone: false,
      isRewound: false,
    })
    const differences = new Differences(0)
    fold.addInvalid(source, raw)
    fold.addLetter(0, { offset: 0, timestamp: 0, ...letter }, differences)
    for (const { from, to, ...at } of fold.cutSources) {
      expect([at, from, to]).toEqual([source, raw.offset, raw.offset + 1])
      fold.addSource(at, raw, differences)
    }
    fold.report(differences)
    return found(differences).rows
  }

  it('accepts a truncated letter that has the beginning of its source', () => {
    const cuts = [...cutLetters(raw, headers, 200)]
    expect(cuts.map(({ value }) => value?.length ?? null)).toEqual([736, null])
    for (const cut of cuts) expect(check(cut)).toEqual([])
  })

  it('reports a truncated letter that differs from the beginning of its source', () => {
    const place = `trip.completed-2@${raw.offset}`
    const [cut] = [...cutLetters(raw, headers, 200)]
    const [other] = [...cutLetters({ ...raw, value: Buffer.from('x'.repeat(999)) }, headers, 200)]
    if (cut === undefined || other === undefined) throw new Error('not cut')
    for (const wrong of [
      { ...cut, value: Buffer.from('y'.repeat(736)) },
      { ...cut, key: Buffer.from('other') },
      other,
      { ...raw, value: Buffer.from('x'), headers },
    ]) {
      expect(check(wrong)).toEqual([`dlq ${place} different`])
    }
  })
})

it('null keys, keys that are not UTF-8, and keys that look like either are different rows', () => {
  const keys = [
    null,
    Buffer.from('(null)'),
    Buffer.from('null'),
    Buffer.from([0xff]),
    Buffer.from([0xfe]),
    Buffer.from('\ufffd'),
  ]
  const rows = new LatestValues({ topic: 'log', expected: () => null, canonical: (bytes) => bytes })
  for (const key of keys) rows.add({ ...record(null, 'v'), key })
  const differences = new Differences(0)
  rows.report(differences, [])
  expect(differences.rows.map(({ key }) => key)).toEqual(['(null)', '(null)', 'null', '(hex ff)', '(hex fe)', '\ufffd'])
})
