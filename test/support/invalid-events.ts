/*
 * Every way a record can break the rules of docs/events.md, as a change to a valid one. `reason` is the label the app counts it under.
 */

export interface Draft {
  key: Buffer | null
  envelope: Record<string, unknown> & { data: Record<string, unknown> }
}

export interface Broken {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface InvalidKind {
  readonly name: string
  readonly reason: string
  /** Types it applies to; all when absent. */
  readonly types?: readonly string[]
  readonly make: (draft: Draft) => Broken
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** Breaks the envelope by replacing fields; undefined removes one. */
function envelope(name: string, reason: string, change: Record<string, unknown>): InvalidKind {
  return { name, reason, make: ({ key, envelope }) => ({ key, value: json({ ...envelope, ...change }) }) }
}

function data(name: string, types: readonly string[], change: Record<string, unknown>, reason = 'schema'): InvalidKind {
  return {
    name,
    reason,
    types,
    make: ({ key, envelope }) => ({ key, value: json({ ...envelope, data: { ...envelope.data, ...change } }) }),
  }
}

function raw(name: string, reason: string, bytes: (valid: Buffer) => Buffer | null): InvalidKind {
  return { name, reason, make: ({ key, envelope }) => ({ key, value: bytes(json(envelope)) }) }
}

/** Puts so many levels of arrays into an unused field. */
function nested(valid: Buffer, levels: number): Buffer {
  return Buffer.from(`${valid.toString().slice(0, -1)},"own":${'['.repeat(levels)}${']'.repeat(levels)}}`)
}

/** An id that no key, no route or no bytes can say, with the record key that belongs to it. */
function id(name: string, text: string): InvalidKind {
  return {
    name,
    reason: 'schema',
    make: ({ envelope }) => {
      const field = envelope.data.tripId === undefined ? 'driverId' : 'tripId'
      return { key: Buffer.from(text), value: json({ ...envelope, data: { ...envelope.data, [field]: text } }) }
    },
  }
}

function key(name: string, change: (valid: Buffer) => Buffer | null): InvalidKind {
  return {
    name,
    reason: 'key',
    make: (draft) => ({ key: change(draft.key ?? Buffer.from('')), value: json(draft.envelope) }),
  }
}

/** A number text that JSON.stringify would not write. */
function numberText(name: string, types: readonly string[], field: string, text: string): InvalidKind {
  return {
    name,
    reason: 'schema',
    types,
    make: ({ key, envelope }) => {
      const marked = JSON.stringify({ ...envelope, data: { ...envelope.data, [field]: '@number' } })
      return { key, value: Buffer.from(marked.replace('"@number"', text)) }
    },
  }
}

const REQUESTED = ['trip.requested']
const ACCEPTED = ['trip.accepted']
const COMPLETED = ['trip.completed']
const DRIVER = ['driver.location.updated']
const HERE = { lat: 40.7, lng: -73.9 }

const timestamps = [
  ['without offset', '2019-03-01T10:00:00'],
  ['without offset, with fraction', '2019-03-01T10:00:00.000'],
  ['a date', '2019-03-01'],
  ['a date with offset', '2019-03-01Z'],
  ['empty', ''],
  ['February 30', '2019-02-30T10:00:00Z'],
  ['February 29 of a common year', '2019-02-29T10:00:00Z'],
  ['February 29 of 1900', '1900-02-29T10:00:00Z'],
  ['month 13', '2019-13-01T10:00:00Z'],
  ['month 0', '2019-00-10T10:00:00Z'],
  ['day 0', '2019-03-00T10:00:00Z'],
  ['hour 25', '2019-03-01T25:00:00Z'],
  ['24:00:01', '2019-03-01T24:00:01Z'],
  ['24:00:00.0001', '2019-03-01T24:00:00.0001Z'],
  ['minute 60', '2019-03-01T10:60:00Z'],
  ['a leap second', '2016-12-31T23:59:60Z'],
  ['offset 24 hours', '2019-03-01T10:00:00+24:00'],
  ['offset minutes 60', '2019-03-01T10:00:00+02:60'],
  ['offset of three digits', '2019-03-01T10:00:00+020'],
  ['dot without digits', '2019-03-01T10:00:00.Z'],
  ['trailing space', '2019-03-01T10:00:00Z '],
  ['leading space', ' 2019-03-01T10:00:00Z'],
  ['trailing newline', '2019-03-01T10:00:00Z\n'],
  ['a space for T', '2019-03-01 10:00:00Z'],
  ['two offsets', '2019-03-01T10:00:00Z+02:00'],
  ['two digit year', '19-03-01T10:00:00Z'],
  ['one digit parts', '2019-3-1T10:00:00Z'],
  ['letters', '2019-O3-01T10:00:00Z'],
  ['US notation', 'Fri, 01 Mar 2019 10:00:00 GMT'],
  ['digits of another script', '٢٠١٩-03-01T10:00:00Z'],
  ['in the year 10000 once the offset is applied', '9999-12-31T23:30:00-01:00'],
  ['at the very end of 9999', '9999-12-31T24:00:00Z'],
  ['before the year 0 once the offset is applied', '0000-01-01T00:30:00+01:00'],
] as const

export const INVALID_TIMESTAMPS: readonly string[] = timestamps.map(([, text]) => text)

export const INVALID_KINDS: readonly InvalidKind[] = [
  raw('null value', 'null-value', () => null),
  raw('empty value', 'json', () => Buffer.alloc(0)),
  raw('text', 'json', () => Buffer.from('ride on')),
  raw('cut off', 'json', (valid) => valid.subarray(0, valid.length - 1)),
  raw('two documents', 'json', (valid) => Buffer.concat([valid, valid])),
  raw('trailing NUL', 'json', (valid) => Buffer.concat([valid, Buffer.alloc(1)])),
  raw('byte order mark', 'json', (valid) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), valid])),
  raw('UTF-16', 'json', (valid) => Buffer.from(valid.toString('utf8'), 'utf16le')),
  raw('invalid UTF-8 in a string', 'json', (valid) =>
    Buffer.concat([
      valid.subarray(0, valid.length - 1),
      Buffer.from(',"note":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]),
  ),
  raw('surrogate in UTF-8', 'json', (valid) =>
    Buffer.concat([
      valid.subarray(0, valid.length - 1),
      Buffer.from(',"note":"'),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('"}'),
    ]),
  ),
  raw('deep nesting without end', 'json', () => Buffer.from('['.repeat(5000))),
  raw('201 levels of nesting', 'nesting', (valid) => nested(valid, 200)),
  raw('nesting of 4,000 levels in 8 kB', 'nesting', (valid) => nested(valid, 3999)),
  {
    name: 'nesting of 4,000 levels beside a huge fare',
    reason: 'nesting',
    types: ['trip.completed'],
    make: ({ key, envelope }) => {
      const marked = json({ ...envelope, data: { ...envelope.data, finalFare: '@fare' } })
      return { key, value: nested(Buffer.from(marked.toString().replace('"@fare"', '90071992547409.93')), 3999) }
    },
  },
  raw('JSON null', 'schema', () => Buffer.from('null')),
  raw('JSON number', 'schema', () => Buffer.from('17')),
  raw('JSON string', 'schema', () => Buffer.from('"trip"')),
  raw('JSON array', 'schema', (valid) => Buffer.concat([Buffer.from('['), valid, Buffer.from(']')])),
  raw('empty object', 'schema', () => Buffer.from('{}')),
  key('null key', () => null),
  key('empty key', () => Buffer.alloc(0)),
  key('other key', (valid) => Buffer.concat([valid, Buffer.from('x')])),
  key('key with a space', (valid) => Buffer.concat([valid, Buffer.from(' ')])),
  key('key in quotes', (valid) => Buffer.from(JSON.stringify(valid.toString()))),
  key('key not UTF-8', (valid) => Buffer.concat([valid, Buffer.from([0xff])])),
  envelope('no eventId', 'schema', { eventId: undefined }),
  envelope('eventId a number', 'schema', { eventId: 7 }),
  envelope('eventId null', 'schema', { eventId: null }),
  envelope('no eventType', 'schema', { eventType: undefined }),
  envelope('other eventType', 'event-type', { eventType: 'trip.paid' }),
  envelope('eventType in capitals', 'event-type', { eventType: 'TRIP.COMPLETED' }),
  envelope('no eventVersion', 'schema', { eventVersion: undefined }),
  envelope('eventVersion a number', 'schema', { eventVersion: 1 }),
  ...['2.0', '0.9', '10.0', '11', '', 'v1', 'v1.0', '.1', ' 1.0', '1,0', '1.', '1.x', '1.-5', '1.0.0', '1.0\n'].map(
    (version) => envelope(`eventVersion ${JSON.stringify(version)}`, 'version', { eventVersion: version }),
  ),
  id('an empty id', ''),
  id('an id of 1,025 characters', 'x'.repeat(1025)),
  id('a lone surrogate in the id', 'a\ud800'),
  envelope('a lone surrogate in eventId', 'schema', { eventId: '\udc00\ud800' }),
  envelope('a lone surrogate in correlationId', 'schema', { correlationId: 'c\udfff' }),
  data('a lone surrogate in passengerId', ['trip.requested'], { passengerId: '\ud83d' }),
  data('a lone surrogate in driverId', ['trip.accepted', 'trip.started', 'trip.completed'], { driverId: 'd\ud800d' }),
  envelope('no timestamp', 'schema', { timestamp: undefined }),
  envelope('timestamp epoch ms', 'schema', { timestamp: 1551434400000 }),
  ...timestamps.map(([name, text]) => envelope(`timestamp ${name}`, 'timestamp', { timestamp: text })),
  envelope('correlationId a number', 'schema', { correlationId: 5 }),
  envelope('no data', 'schema', { data: undefined }),
  envelope('data null', 'schema', { data: null }),
  envelope('data an array', 'schema', { data: [] }),
  envelope('data a text', 'schema', { data: '{}' }),
  envelope('metadata a text', 'schema', { metadata: 'x' }),
  {
    name: 'id hidden in __proto__',
    reason: 'schema',
    make: ({ key: id, envelope: { data: _, ...rest } }) => ({
      key: id,
      value: Buffer.from(
        `${JSON.stringify(rest).slice(0, -1)},"data":{"__proto__":{"tripId":"${id}","driverId":"${id}"}}}`,
      ),
    }),
  },
  data('no tripId', [...REQUESTED, ...ACCEPTED, ...COMPLETED, 'trip.started', 'trip.cancelled'], { tripId: undefined }),
  data('tripId a number', ['trip.started', 'trip.cancelled'], { tripId: 12 }),
  data('no passengerId', REQUESTED, { passengerId: undefined }),
  data('no vehicleType', REQUESTED, { vehicleType: undefined }),
  data('no pickup', REQUESTED, { pickup: undefined }),
  data('pickup an array', REQUESTED, { pickup: [40.7, -73.9] }),
  data('no dropoff', REQUESTED, { dropoff: undefined }),
  data('address a number', REQUESTED, { pickup: { ...HERE, address: 5 } }),
  data('address null', REQUESTED, { dropoff: { ...HERE, address: null } }),
  data('latitude 90.1', REQUESTED, { pickup: { ...HERE, lat: 90.1 } }),
  data('longitude -180.5', REQUESTED, { dropoff: { ...HERE, lng: -180.5 } }),
  data('latitude a text', REQUESTED, { pickup: { ...HERE, lat: '40.7' } }),
  data('no estimatedFare', REQUESTED, { estimatedFare: undefined }),
  data('estimatedFare negative', REQUESTED, { estimatedFare: -0.01 }),
  data('estimatedFare of three decimals', REQUESTED, { estimatedFare: 12.345 }),
  data('estimatedFare a text', REQUESTED, { estimatedFare: '12.30' }),
  data('no driverId', [...ACCEPTED, ...DRIVER], { driverId: undefined }),
  data('driverId null', ['trip.accepted', 'trip.started', 'trip.completed'], { driverId: null }),
  data('etaSeconds a text', ACCEPTED, { etaSeconds: 'soon' }),
  data('no finalFare', COMPLETED, { finalFare: undefined }),
  data('finalFare null', COMPLETED, { finalFare: null }),
  data('finalFare negative', COMPLETED, { finalFare: -3 }),
  data('finalFare of binary sums', COMPLETED, { finalFare: 0.1 + 0.2 }),
  data('finalFare a tenth of a cent', COMPLETED, { finalFare: 0.001 }),
  numberText('finalFare infinite', COMPLETED, 'finalFare', '1e999'),
  numberText('big finalFare of three decimals', COMPLETED, 'finalFare', '12345678901234567.891'),
  numberText('big negative finalFare', COMPLETED, 'finalFare', '-1e30'),
  data('completedAt without offset', COMPLETED, { completedAt: '2019-03-01T10:00:00' }, 'timestamp'),
  data('completedAt February 30', COMPLETED, { completedAt: '2019-02-30T10:00:00Z' }, 'timestamp'),
  data('completedAt empty', COMPLETED, { completedAt: '' }, 'timestamp'),
  data('completedAt a number', COMPLETED, { completedAt: 1551434400000 }),
  data('distanceMeters a text', COMPLETED, { distanceMeters: '5 km' }),
  data('reason a number', ['trip.cancelled'], { reason: 5 }),
  data('no location', DRIVER, { location: undefined }),
  data('location an array', DRIVER, { location: [1, 2] }),
  data('latitude -91', DRIVER, { location: { lat: -91, lng: 0 } }),
  data('longitude 181', DRIVER, { location: { lat: 0, lng: 181 } }),
  data('longitude missing', DRIVER, { location: { lat: 0 } }),
  data('latitude NaN as null', DRIVER, { location: { lat: Number.NaN, lng: 0 } }),
  data('unknown status', DRIVER, { status: 'asleep' }),
  data('status null', DRIVER, { status: null }),
  data('heading a text', DRIVER, { heading: 'north' }),
]

/** The kinds that apply to a type. */
export function invalidKindsOf(type: string): readonly InvalidKind[] {
  return INVALID_KINDS.filter((kind) => kind.types === undefined || kind.types.includes(type))
}
