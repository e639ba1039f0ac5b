import { expect, it } from 'vitest'
import { eventIds } from '../../processors/events/event-ids.ts'

const value = (fields: object): Buffer => Buffer.from(JSON.stringify(fields))

it('a record is called by its event id and correlation id, as far as it has them', () => {
  const ids = (fields: object, header?: string) =>
    eventIds({
      value: value(fields),
      headers: header === undefined ? [] : [{ key: 'correlation-id', value: Buffer.from(header) }],
    })
  expect(ids({ eventId: 'e', correlationId: 'c' }, 'h')).toEqual({ eventId: 'e', correlationId: 'h' })
  expect(ids({ eventId: 'e', correlationId: 'c' })).toEqual({ eventId: 'e', correlationId: 'c' })
  expect(ids({ eventId: 'e' })).toEqual({ eventId: 'e', correlationId: 'e' })
  expect(ids({ eventId: 7, correlationId: {} })).toEqual({})
  const of = (bytes: Buffer | null) => eventIds({ value: bytes, headers: [] })
  for (const bytes of [
    null,
    Buffer.from(''),
    Buffer.from('null'),
    Buffer.from('7'),
    Buffer.from('{'),
    Buffer.from('['.repeat(60_000)),
  ]) {
    expect(of(bytes)).toEqual({})
  }
  // Not looked into: one bad record must not cost more than many good ones.
  expect(of(value({ eventId: 'e', more: 'x'.repeat(70_000) }))).toEqual({})
})
