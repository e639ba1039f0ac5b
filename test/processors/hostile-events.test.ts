import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventCheck, keySerde, parseEvent } from '../../processors/events/event-serde.ts'
import { EVENT_TYPES, type EventType, KEY_FIELD } from '../../processors/events/schemas.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'

/* Whatever is in a record: it is an event, or an InvalidRecordError, and the program is what it was before. */

const HERE = { lat: 40.7, lng: -73.9 }
const DATA: Record<EventType, Record<string, unknown>> = {
  'trip.requested': { passengerId: 'p', pickup: HERE, dropoff: HERE, estimatedFare: 12.3, vehicleType: 'standard' },
  'trip.accepted': { driverId: 'd' },
  'trip.started': {},
  'trip.completed': { finalFare: 14.05 },
  'trip.cancelled': { reason: 'rain' },
  'driver.location.updated': { location: HERE, status: 'available' },
}

function eventText(type: EventType, id: string, more: Record<string, unknown> = {}): string {
  const data = { ...DATA[type], [KEY_FIELD[type]]: id }
  const timestamp = '2019-03-01T10:00:00Z'
  return JSON.stringify({ eventId: 'e', eventType: type, eventVersion: '1.0', timestamp, data, ...more })
}

const POISONED_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'then',
  'toJSON',
]
const globals = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Number.prototype]
const before = globals.map((prototype) => Object.getOwnPropertyNames(prototype).sort())

function expectUnpolluted(): void {
  expect(globals.map((prototype) => Object.getOwnPropertyNames(prototype).sort())).toEqual(before)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
}

/** The event, or null for an invalid record; any other error than InvalidRecordError is a failure. */
function read(type: string, key: Buffer | null, value: Buffer) {
  try {
    const event = parseEvent(type, value)
    const text = key === null ? null : keySerde.deserialize(type, key)
    eventCheck({ topic: type, key: text, value: event, timestamp: 0, headers: [] })
    return event
  } catch (error) {
    // The message goes into a header and a label.
    if (error instanceof InvalidRecordError && error.message.length < 400) return null
    throw error
  }
}

const type = fc.constantFrom(...EVENT_TYPES)
const name = fc.oneof(fc.constantFrom(...POISONED_NAMES), fc.string({ unit: 'binary', maxLength: 8 }))
/** Texts of JSON values that JSON.stringify never writes, and some it does. */
const valueText = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    '-0',
    '1e999',
    '-1e999',
    '1e-400',
    '0.1',
    '12.345',
    '9007199254740993',
    '1E2',
    '[]',
    '{}',
  ),
  fc.constantFrom(
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"__proto__"',
    '"constructor"',
    '{"__proto__":{"polluted":1}}',
  ),
  fc.constantFrom(
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"lat":1e999,"lng":0}',
    '{"lat":0,"lng":0,"__proto__":{}}',
  ),
  fc.json({ maxDepth: 3 }),
)

describe('a hostile record', () => {
  it('is either an event or invalid when any of its fields is replaced by anything', () => {
    const path = fc.oneof(
      fc.constantFrom(
        'eventId',
        'eventType',
        'eventVersion',
        'timestamp',
        'correlationId',
        'data',
        'metadata',
        ...POISONED_NAMES,
      ),
      fc
        .constantFrom(...Object.values(DATA).flatMap(Object.keys), 'tripId', 'completedAt', 'heading')
        .map((field) => `data.${field}`),
      name.map((field) => `data.${field}`),
    )
    let understood = 0
    fc.assert(
      fc.property(type, path, valueText, name, (topic, at, text, id) => {
        const whole = JSON.parse(eventText(topic, id)) as Record<string, unknown>
        const [first = '', second] = at.split('.')
        const marker = '@replaced@'
        const holder = second === undefined ? whole : (whole.data as Record<string, unknown>)
        Object.defineProperty(holder, second ?? first, { value: marker, enumerable: true, configurable: true })
        const value = Buffer.from(JSON.stringify(whole).replace(`"${marker}"`, () => text))
        const event = read(topic, Buffer.from(id), value)
        if (event === null) return
        understood++
        const { data } = event as { data: Record<string, unknown> }
        expect(data[KEY_FIELD[topic]]).toBe(keySerde.deserialize(topic, Buffer.from(id)))
        for (const number of [event.at, event.fare ?? 0, event.completedAt ?? 0]) expect(Number(number)).not.toBeNaN()
      }),
      { numRuns: 1000, seed: 3 },
    )
    expect(understood).toBeGreaterThan(100)
    expectUnpolluted()
  })

  it('is invalid when its value is random bytes', () => {
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 200 }), (topic, bytes) => {
        expect(read(topic, Buffer.from('k'), Buffer.from(bytes))).toBeNull()
      }),
      { numRuns: 1000, seed: 4 },
    )
    fc.assert(
      fc.property(type, fc.nat(), fc.nat({ max: 255 }), (topic, at, byte) => {
        const value = Buffer.from(eventText(topic, 'k'))
        value[at % value.length] = byte
        read(topic, Buffer.from('k'), value)
      }),
      { numRuns: 1000, seed: 5 },
    )
  })

  it.each(EVENT_TYPES)('as %s may hold anything in unused fields, 200 levels deep', (topic) => {
    for (const [levels, taken] of [
      [199, true],
      [200, false],
      [100_000, false],
    ] as const) {
      const deep = `${'['.repeat(levels)}${']'.repeat(levels)}`
      const objects = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
      for (const text of [deep, objects]) {
        const value = eventText(topic, 'k', { own: '@' }).replaceAll('"@"', text)
        expect([levels, read(topic, Buffer.from('k'), Buffer.from(value)) !== null]).toEqual([levels, taken])
        expect(read(topic, Buffer.from('k'), Buffer.from(text))).toBeNull()
      }
    }
  })

  it.each(POISONED_NAMES)('may have an id like %s', (id) => {
    for (const topic of EVENT_TYPES) {
      const event = read(topic, Buffer.from(id), Buffer.from(eventText(topic, id)))
      expect((event as { data: Record<string, unknown> } | null)?.data[KEY_FIELD[topic]]).toBe(id)
    }
    expectUnpolluted()
  })

  it('may have kept texts of 16,384 characters together, and other texts up to 1 MiB', () => {
    const most = 16_384
    for (const topic of EVENT_TYPES) {
      const others = keptTexts(topic) + 'k'.length
      for (const [length, taken] of [
        [most - others, true],
        [most - others + 1, false],
        [100_000, false],
      ] as const) {
        const value = Buffer.from(eventText(topic, 'k', { correlationId: 'ü'.repeat(length) }))
        expect([length, read(topic, Buffer.from('k'), value) !== null]).toEqual([length, taken])
      }
      const extra = { metadata: { by: 'x'.repeat(400_000) }, own: 'x'.repeat(600_000) }
      expect(read(topic, Buffer.from('k'), Buffer.from(eventText(topic, 'k', extra)))).not.toBeNull()
    }
  })

  it('has an id of 1 to 1,024 characters of any kind', () => {
    for (const topic of EVENT_TYPES) {
      for (const [length, taken] of [
        [0, false],
        [1, true],
        [1024, true],
        [1025, false],
      ] as const) {
        const id = 'ü'.repeat(length)
        expect([length, read(topic, Buffer.from(id), Buffer.from(eventText(topic, id))) !== null]).toEqual([
          length,
          taken,
        ])
      }
    }
  })

  it('with an id that is not Unicode text has no key that matches', () => {
    for (const topic of EVENT_TYPES) {
      for (const id of ['\ud800', 'a\udfff', '\udc00\ud800']) {
        expect(read(topic, Buffer.from(id), Buffer.from(eventText(topic, id)))).toBeNull()
      }
    }
  })
})

/** Characters of all texts but the id. */
function keptTexts(topic: EventType): number {
  const texts = Object.values(DATA[topic]).filter((value) => typeof value === 'string')
  return 'e'.length + texts.join('').length
}
