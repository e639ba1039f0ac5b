import { describe, expect, it } from 'vitest'
import { correlationHeaders, outputHeaders } from '../../processors/events/correlation-headers.ts'
import { encodeEvent } from '../../processors/events/encode-event.ts'
import { eventSerde, parseEvent } from '../../processors/events/event-serde.ts'
import { EVENT_TYPES, type EventEnvelope, type EventType } from '../../processors/events/schemas.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import { readEvent } from '../support/fold-input.ts'
import { type Draft, INVALID_KINDS, invalidKindsOf } from '../support/invalid-events.ts'
import { oracle } from '../support/oracle.ts'

const HERE = { lat: 40.7, lng: -73.9 }
const DATA: Record<EventType, Record<string, unknown>> = {
  'trip.requested': {
    tripId: 'id-1',
    passengerId: 'p-1',
    pickup: { ...HERE, address: 'Broadway 1' },
    dropoff: HERE,
    estimatedFare: 12.3,
    vehicleType: 'standard',
  },
  'trip.accepted': { tripId: 'id-1', driverId: 'd-1', etaSeconds: 120 },
  'trip.started': { tripId: 'id-1' },
  'trip.completed': { tripId: 'id-1', driverId: 'd-1', finalFare: 14.05, completedAt: '2019-03-01T10:59:59.999Z' },
  'trip.cancelled': { tripId: 'id-1', cancelledBy: 'passenger', reason: 'rain' },
  'driver.location.updated': { driverId: 'id-1', location: HERE, heading: 90, speed: 3.5, status: 'available' },
}

function draft(type: EventType): Draft {
  return {
    key: Buffer.from('id-1'),
    envelope: {
      eventId: 'e-1',
      eventType: type,
      eventVersion: '1.0',
      timestamp: '2019-03-01T12:00:00.5+02:00',
      correlationId: 'c-1',
      data: DATA[type],
      metadata: { producedBy: 'test', environment: 'test' },
    },
  }
}

function failure(run: () => unknown): InvalidRecordError {
  try {
    run()
  } catch (error) {
    if (error instanceof InvalidRecordError) return error
    throw error
  }
  throw new Error('was accepted')
}

const isInvalidForOracle = (topic: string, key: Buffer | null, value: Buffer | null) =>
  oracle([{ topic, partition: 0, offset: 0, key, value }]).deadLetters.length === 1

describe.each(EVENT_TYPES)('%s', (type) => {
  it('is read', () => {
    const { key, envelope } = draft(type)
    expect(readEvent(type, key, Buffer.from(JSON.stringify(envelope)))).toEqual({
      type,
      eventId: 'e-1',
      at: Date.UTC(2019, 2, 1, 10, 0, 0, 500),
      sub: '',
      correlationId: 'c-1',
      data: DATA[type],
      fare: type === 'trip.requested' ? 1230 : type === 'trip.completed' ? 1405 : null,
      completedAt: type === 'trip.completed' ? Date.UTC(2019, 2, 1, 10, 59, 59, 999) : null,
    })
  })

  it.each(invalidKindsOf(type).map((kind) => [kind.name, kind] as const))('is invalid with: %s', (_name, kind) => {
    const { key, value } = kind.make(draft(type))
    const error = failure(() => readEvent(type, key, value))
    expect(error.reason).toBe(kind.reason)
    expect(error.message).toMatch(/^[^\n\r]{1,310}$/)
    expect(isInvalidForOracle(type, key, value)).toBe(true)
  })

  it('is not accepted as another event', () => {
    const other = EVENT_TYPES[(EVENT_TYPES.indexOf(type) + 1) % EVENT_TYPES.length] as EventType
    const value = Buffer.from(JSON.stringify(draft(type).envelope))
    expect(failure(() => parseEvent(other, value)).reason).toBe('event-type')
  })
})

const valid: ReadonlyArray<readonly [string, EventType, (draft: Draft) => string, object]> = [
  ['unknown fields', 'trip.started', (d) => change(d, { x: 1 }, { driver: 5, finalFare: 'x' }), { fare: null }],
  [
    'only what is required',
    'trip.started',
    ({ envelope: { metadata: _, correlationId: __, ...rest } }) => JSON.stringify(rest),
    { correlationId: null },
  ],
  ['an empty correlation id', 'trip.started', (d) => change(d, { correlationId: '' }), { correlationId: '' }],
  ['version 1', 'trip.started', (d) => change(d, { eventVersion: '1' }), {}],
  ['version 1.99', 'trip.started', (d) => change(d, { eventVersion: '1.99' }), {}],
  ['200 levels of nesting', 'trip.started', (d) => withNesting(d, 199), {}],
  ['brackets in texts', 'trip.started', (d) => change(d, { own: '{['.repeat(500) }), {}],
  ['300 brackets beside each other', 'trip.started', (d) => change(d, { own: Array(300).fill([{}]) }), {}],
  [
    'a fare beyond doubles beside 200 levels',
    'trip.completed',
    (d) => withNumber(d, 'finalFare', '90071992547409.93').replace('{', `{"own":${'['.repeat(199)}${']'.repeat(199)},`),
    { fare: 9007199254740993n },
  ],
  [
    'a fare beyond doubles among fields of its name',
    'trip.completed',
    (d) =>
      withNumber(
        d,
        'finalFare',
        '1e30,"x":{"finalFare":3},"y":[7],"z":"finalFare","final\\u0046are":90071992547409.93',
      ).replace('{', '{"finalFare":5,"data":{"finalFare":8e20},'),
    { fare: 9007199254740993n },
  ],
  ['a value of 1 MiB', 'trip.started', (d) => ofBytes(d, 1_048_576), {}],
  [
    'the first instant',
    'trip.started',
    (d) => change(d, { timestamp: '0000-01-01T01:00+01:00' }),
    { at: -62167219200000 },
  ],
  [
    'the last instant',
    'trip.started',
    (d) => change(d, { timestamp: '9999-12-31T23:59:59.9999Z' }),
    { at: 253402300799999, sub: '9' },
  ],
  [
    'no seconds',
    'trip.started',
    (d) => change(d, { timestamp: '2019-03-01T10:00Z' }),
    { at: Date.UTC(2019, 2, 1, 10) },
  ],
  ['microseconds', 'trip.started', (d) => change(d, { timestamp: '2019-03-01T10:00:00.000001Z' }), { sub: '001' }],
  ['white space around', 'trip.started', (d) => ` \n\t${JSON.stringify(d.envelope)}\r\n`, {}],
  [
    'a __proto__ field',
    'trip.started',
    (d) => JSON.stringify(d.envelope).replace('{', '{"__proto__":{"eventId":"evil"},'),
    { eventId: 'e-1' },
  ],
  [
    'a repeated field: the last counts',
    'trip.started',
    (d) => JSON.stringify(d.envelope).replace('{', '{"eventId":"first",'),
    { eventId: 'e-1' },
  ],
  ['a U+FFFD that was meant', 'trip.started', (d) => change(d, { eventId: 'e-\ufffd' }), { eventId: 'e-\ufffd' }],
  [
    'a lone surrogate in a text that is no id',
    'trip.cancelled',
    (d) => change(d, {}, { reason: '\ud800' }),
    { data: { tripId: 'id-1', cancelledBy: 'passenger', reason: '\ud800' } },
  ],
  [
    'a surrogate pair escaped in an id',
    'trip.started',
    (d) => JSON.stringify(d.envelope).replace('"e-1"', '"\\ud83d\\ude95"'),
    { eventId: '🚕' },
  ],
  ['a fare of zero', 'trip.completed', (d) => change(d, {}, { finalFare: 0 }), { fare: 0 }],
  ['a fare of minus zero', 'trip.completed', (d) => withNumber(d, 'finalFare', '-0.0'), { fare: 0 }],
  ['a fare with trailing zeros', 'trip.completed', (d) => withNumber(d, 'finalFare', '12.3000'), { fare: 1230 }],
  ['a fare with exponent', 'trip.completed', (d) => withNumber(d, 'finalFare', '1.25e1'), { fare: 1250 }],
  [
    'a fare beyond doubles',
    'trip.completed',
    (d) => withNumber(d, 'finalFare', '90071992547409.93'),
    { fare: 9007199254740993n },
  ],
  ['a huge fare', 'trip.requested', (d) => withNumber(d, 'estimatedFare', '1e40'), { fare: 10n ** 42n }],
  ['the poles', 'driver.location.updated', (d) => change(d, {}, { location: { lat: -90, lng: 180 } }), {}],
  ['a huge number nobody reads', 'driver.location.updated', (d) => change(d, {}, { altitude: 1e300 }), {}],
]

function change({ envelope }: Draft, fields: object, data: object = {}): string {
  return JSON.stringify({ ...envelope, ...fields, data: { ...envelope.data, ...data } })
}

function withNesting({ envelope }: Draft, levels: number): string {
  return JSON.stringify(envelope).replace('{', `{"own":${'['.repeat(levels)}${']'.repeat(levels)},`)
}

/** Multi-byte characters: bytes count, not characters. */
function ofBytes(d: Draft, bytes: number): string {
  const room = bytes - Buffer.byteLength(change(d, { own: '' }))
  return change(d, { own: 'ü'.repeat(room >> 1) + 'x'.repeat(room % 2) })
}

function withNumber(d: Draft, field: string, text: string): string {
  return change(d, {}, { [field]: '@' }).replace('"@"', text)
}

describe('an event is valid with', () => {
  it.each(valid)('%s', (_name, type, make, expected) => {
    const d = draft(type)
    const value = Buffer.from(make(d))
    expect(readEvent(type, d.key, value)).toMatchObject(expected)
    expect(isInvalidForOracle(type, d.key, value)).toBe(false)
  })
})

describe('dead letters', () => {
  it('have stable reasons', () => {
    const reasons = new Set(INVALID_KINDS.map((kind) => kind.reason))
    expect([...reasons].sort()).toEqual([
      'event-type',
      'json',
      'key',
      'nesting',
      'null-value',
      'schema',
      'timestamp',
      'version',
    ])
  })

  it('are made of values above 1 MiB, alone or among other bytes', () => {
    const text = ofBytes(draft('trip.started'), 1_048_577)
    const serde = eventSerde()
    const error = { reason: 'size', message: 'value is larger than the limit of 1048576 bytes' }
    expect(failure(() => serde.deserialize('trip.started', Buffer.from(text)))).toMatchObject(error)
    const among = Buffer.from(`{}${text}{}`)
    expect(failure(() => serde.deserializeIn?.('trip.started', among, 2, among.length - 2))).toMatchObject(error)
    expect(failure(() => serde.deserialize('trip.started', Buffer.alloc(600_000_000)))).toMatchObject(error)
    expect(isInvalidForOracle('trip.started', Buffer.from('id-1'), Buffer.from(text))).toBe(true)
  })

  it.each([
    [39.699999999999996, 'round it to cents before sending (39.7)'],
    [0.1 + 0.2, 'round it to cents before sending (0.3)'],
    [8_000_000_000.110001, 'round it to cents before sending (8000000000.11)'],
    [12.345, 'an amount has whole cents'],
    [12.3001, 'an amount has whole cents'],
  ])('say how to mend a fare of %d', (finalFare, advice) => {
    const value = Buffer.from(change(draft('trip.completed'), {}, { finalFare }))
    expect(failure(() => parseEvent('trip.completed', value)).message).toBe(
      `data.finalFare has more than two decimals: ${finalFare}; ${advice}`,
    )
  })

  it.each([
    [
      { data: { ...DATA['driver.location.updated'], location: { lat: 91, lng: 0 } } },
      'data.location.lat must be <= 90',
    ],
    [{ data: {} }, 'data must have required properties driverId, location'],
    [{ eventVersion: '2.1' }, 'eventVersion is "2.1"; only 1 and 1.N are supported'],
    [
      { timestamp: '2019-03-01' },
      'timestamp is not an ISO 8601 instant with Z or an offset in the years 0000 to 9999: "2019-03-01"',
    ],
    [{ eventType: 'trip.paid' }, 'eventType is "trip.paid", but the topic is driver.location.updated'],
  ])('name the invalid field: %j', (fields, message) => {
    const value = Buffer.from(
      change(draft('driver.location.updated'), fields).replace(/"data":.*/, (rest) =>
        'data' in fields ? `"data":${JSON.stringify(fields.data)}}` : rest,
      ),
    )
    expect(failure(() => parseEvent('driver.location.updated', value)).message).toBe(message)
  })

  it('are made of records from unknown topics without a crash', () => {
    expect(failure(() => parseEvent('trip.paid', Buffer.from('{}'))).reason).toBe('event-type')
  })
})

describe('headers', () => {
  const text = (headers: Iterable<{ key: string; value: Buffer | null }>) =>
    [...headers].map(({ key, value }) => [key, value?.toString()])

  it("of outputs are the type, the version and the cause's correlation id", () => {
    expect(text(outputHeaders('trip.state')(correlationHeaders('ü-1')))).toEqual([
      ['event-type', 'trip.state'],
      ['event-version', '1.0'],
      ['correlation-id', 'ü-1'],
    ])
  })

  it('of outputs have no correlation id when the cause had none', () => {
    expect(text(outputHeaders('trip.state')(correlationHeaders(null)))).toEqual([
      ['event-type', 'trip.state'],
      ['event-version', '1.0'],
    ])
  })
})

describe('a producer', () => {
  it('creates topic, key, value, time and headers of a valid event', () => {
    const envelope = draft('trip.completed').envelope as unknown as EventEnvelope<'trip.completed'>
    const { topic, key, value, timestamp, headers } = encodeEvent(envelope)
    expect({ topic, key, timestamp }).toEqual({
      topic: 'trip.completed',
      key: 'id-1',
      timestamp: Date.UTC(2019, 2, 1, 10, 0, 0, 500),
    })
    expect(JSON.parse(value)).toEqual(envelope)
    expect(headers.map((header) => [header.key, header.value?.toString()])).toEqual([
      ['event-type', 'trip.completed'],
      ['event-version', '1.0'],
    ])
  })

  it('refuses an invalid event before it is sent', () => {
    const envelope = draft('trip.completed').envelope as unknown as EventEnvelope<'trip.completed'>
    const wrong = { ...envelope, data: { ...envelope.data, finalFare: 1.234 } }
    expect(failure(() => encodeEvent(wrong)).message).toBe(
      'data.finalFare has more than two decimals: 1.234; an amount has whole cents',
    )
  })
})
