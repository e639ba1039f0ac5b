import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseWhole } from '../../processors/events/event-serde.ts'
import { eventScan } from '../../processors/events/scan-event.ts'
import { EVENT_TYPES, type EventType } from '../../processors/events/schemas.ts'
import { instantMs, instantMsOfBytes } from '../../processors/time/parse-instant.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'

/* Events are scanned off their bytes. JSON.parse and the compiled schema say what is right. */

const HERE = { lat: 40.712345, lng: -73.9, address: 'Broadway 1' }
const DATA: Record<EventType, Record<string, unknown>> = {
  'trip.requested': {
    tripId: 'id-1',
    passengerId: 'p-1',
    pickup: HERE,
    dropoff: { lat: -0.5, lng: 0, address: 'Wall Street 2' },
    estimatedFare: 12.3,
    vehicleType: 'standard',
  },
  'trip.accepted': { tripId: 'id-1', driverId: 'd-1', etaSeconds: 120 },
  'trip.started': { tripId: 'id-1', driverId: 'd-1' },
  'trip.completed': {
    tripId: 'id-1',
    driverId: 'd-1',
    finalFare: 14.05,
    distanceMeters: 1200.5,
    durationSeconds: 600,
    completedAt: '2019-03-01T10:59:59.999Z',
  },
  'trip.cancelled': { tripId: 'id-1', cancelledBy: 'passenger', reason: 'rain' },
  'driver.location.updated': {
    driverId: 'id-1',
    location: { lat: 1, lng: 2 },
    heading: 90,
    speed: 3.5,
    status: 'offline',
  },
}

const envelope = (type: EventType, timestamp = '2019-03-01T10:00:00.123Z') => ({
  eventId: 'e-1',
  eventType: type,
  eventVersion: '1.0',
  timestamp,
  correlationId: 'c-1',
  data: DATA[type],
  metadata: { producedBy: 'test', environment: 'test' },
})

const scans = Object.fromEntries(EVENT_TYPES.map((type) => [type, eventScan(type)])) as Record<
  EventType,
  ReturnType<typeof eventScan>
>

/** Among other bytes, as in an answer of a broker. */
function scanned(type: EventType, value: Buffer) {
  const padding = Buffer.from('"},"1:')
  const bytes = Buffer.concat([padding, value, padding])
  return scans[type](bytes, padding.length, padding.length + value.length)
}

function parsed(type: EventType, value: Buffer) {
  try {
    return parseWhole(type, value)
  } catch (error) {
    if (error instanceof InvalidRecordError) return null
    throw error
  }
}

/** Without what the schema does not name: it is nobody's. */
function known(type: EventType, event: ReturnType<typeof parsed>) {
  return event === null ? null : { ...event, data: picked(event.data, DATA[type]) }
}

function picked(value: unknown, template: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const names = Object.entries(value).filter(([name]) => Object.hasOwn(template as object, name))
  return Object.fromEntries(names.map(([name, part]) => [name, picked(part, Reflect.get(template as object, name))]))
}

describe.each(EVENT_TYPES)('the scan of %s', (type) => {
  it.each([
    ['in the order of the schema', (text: string) => text],
    ['with white space', (text: string) => JSON.stringify(JSON.parse(text), null, '\t')],
    [
      'with spaces as Python writes them',
      (text: string) => JSON.stringify(JSON.parse(text), null, 1).replaceAll(/\n */g, ' '),
    ],
    ['in another order', (text: string) => JSON.stringify(reversed(JSON.parse(text)))],
    ['with fields that the schema does not name', (text: string) => text.replace('{', '{"more":-1.5,"and":"text",')],
    ['with an offset of the time', (text: string) => text.replace('10:00:00.123Z', '12:00:00.123+02:00')],
    ['with digits below the millisecond', (text: string) => text.replace('10:00:00.123Z', '10:00:00.1234567Z')],
  ])('gives what JSON.parse and the schema give, %s', (_name, change) => {
    const value = Buffer.from(change(JSON.stringify(envelope(type))))
    const event = scanned(type, value)
    expect(event).not.toBeNull()
    expect(event).toEqual(known(type, parsed(type, value)))
  })

  it.each([
    ['an escape', '"e-1"', '"e\\u002d1"'],
    ['a character beyond ASCII', '"e-1"', '"é"'],
    ['a control character', '"e-1"', '"e\u0001"'],
    ['a field twice', '"eventId"', '"eventId":"e-2","eventId"'],
    ['null', '"c-1"', 'null'],
    ['another version', '"1.0"', '"1.1"'],
    ['a time that is none', '10:00:00.123Z', '10:00:00.12xZ'],
    ['a date that is none', '2019-03-01', '2019-02-29'],
    ['no value', '"c-1"', ''],
    ['a leading zero', '"c-1"', '"c-1","more":01'],
    ['an exponent', '"c-1"', '"c-1","more":1e3'],
    ['something behind it', '"test"}}', '"test"}}x'],
  ])('leaves %s to them', (_name, from, to) => {
    const text = JSON.stringify(envelope(type)).replace(from, () => to)
    expect(text).not.toBe(JSON.stringify(envelope(type)))
    expect(scanned(type, Buffer.from(text))).toBeNull()
  })

  it('gives the same or nothing, whatever byte is changed, put in or cut', () => {
    const value = Buffer.from(JSON.stringify(envelope(type)))
    const interesting = fc.constantFrom(...Buffer.from('{}[]":,.\\-+eE0159 \n\ttn\u007f'))
    let same = 0
    fc.assert(
      fc.property(fc.nat(value.length - 1), fc.nat(2), interesting, (at, cut, byte) => {
        const put = cut === 2 ? [] : [byte]
        const changed = Buffer.from([...value.subarray(0, at), ...put, ...value.subarray(at + (cut === 0 ? 0 : 1))])
        const event = scanned(type, changed)
        if (event === null) return
        same++
        expect(event).toEqual(known(type, parsed(type, changed)))
      }),
      { numRuns: 3000, seed: 5 },
    )
    expect(same).toBeGreaterThan(300)
  })
})

it('the scan reads numbers to the last bit as JSON.parse does, or leaves them to it', () => {
  const type = 'trip.accepted'
  const digits = fc.array(fc.constantFrom(...'0123456789'), { maxLength: 18 }).map((list) => list.join(''))
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.tuple(fc.constantFrom('', '-'), digits, fc.constantFrom('', '.'), digits).map((parts) => parts.join('')),
  )
  let same = 0
  fc.assert(
    fc.property(number, (text) => {
      const value = Buffer.from(JSON.stringify(envelope(type)).replace('120', text))
      const event = scanned(type, value)
      if (event === null) return
      same++
      expect(event).toEqual(parsed(type, value))
      expect(Object.is(etaOf(event), etaOf(parsed(type, value)))).toBe(true)
    }),
    { numRuns: 3000, seed: 6 },
  )
  expect(same).toBeGreaterThan(500)
})

it('the scan knows the range of a coordinate', () => {
  const type = 'driver.location.updated'
  const at = (lat: string) => Buffer.from(JSON.stringify(envelope(type)).replace('"lat":1', `"lat":${lat}`))
  expect(scanned(type, at('90'))).toEqual(parsed(type, at('90')))
  expect(scanned(type, at('90.000001'))).toBeNull()
  expect(scanned(type, at('-90.1'))).toBeNull()
})

it('an instant is the same read off its bytes, or none', () => {
  const two = fc.nat(99).map((n) => String(n).padStart(2, '0'))
  const digit = fc.constantFrom(...'0123456789:x')
  let same = 0
  fc.assert(
    fc.property(fc.tuple(two, two, two, two, two, two, two, two, digit), (parts) => {
      const [c, y, mo, d, h, mi, s, ms, last] = parts
      const text = `${c}${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}${last}Z`
      const at = instantMsOfBytes(Buffer.from(text), 0, text.length)
      if (Number.isNaN(at)) return
      same++
      expect(at).toBe(instantMs(text))
    }),
    { numRuns: 20_000, seed: 7 },
  )
  expect(same).toBeGreaterThan(10)
})

function etaOf(event: ReturnType<typeof parsed>): unknown {
  return (event as { data: { etaSeconds?: number } }).data.etaSeconds
}

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  )
}
