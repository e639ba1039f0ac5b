import { Type } from 'typebox'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { type StandardSchema, standardSchemaSerde, typeboxSerde } from '../../../infra/serdes/index.ts'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { type Serde, StreamsBuilder, serdes } from '../../../topology/index.ts'

interface Trip {
  id: string
  stops: { km: number }[]
}

const zod = z.object({ id: z.string(), stops: z.array(z.object({ km: z.number() })) })
const box = Type.Object({ id: Type.String(), stops: Type.Array(Type.Object({ km: Type.Number() })) })
const good: Trip = { id: 'a', stops: [{ km: 3 }] }
const bad = { id: 'a', stops: [{ km: 3 }, { km: 'far' }] }
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

it('the types of values are those of the schema', () => {
  expectTypeOf(standardSchemaSerde(zod)).toEqualTypeOf<Serde<Trip>>()
  expectTypeOf(typeboxSerde(box)).toEqualTypeOf<Serde<Trip>>()
})

describe.each([
  ['zod', standardSchemaSerde(zod), standardSchemaSerde(zod, { checksWrites: true }), 'stops.1.km: Invalid input'],
  ['typebox', typeboxSerde(box), typeboxSerde(box, { checksWrites: true }), '/stops/1/km must be number'],
] as [string, Serde<Trip>, Serde<Trip>, string][])('a serde of a %s schema', (_name, serde, strict, fault) => {
  it('reads what fits, and says where something does not', () => {
    expect(serde.deserialize('t', text(good))).toEqual(good)
    expect(serde.deserializeText?.('t', JSON.stringify(good))).toEqual(good)
    expect(() => serde.deserialize('t', text(bad))).toThrow(
      expect.objectContaining({
        code: 'INVALID_RECORD',
        reason: 'schema',
        message: expect.stringMatching(`^${fault}`),
      }),
    )
    expect(() => serde.deserialize('t', Buffer.from('{'))).toThrow(
      expect.objectContaining({ code: 'INVALID_RECORD', reason: 'json' }),
    )
  })

  it('checks what it writes when asked to', () => {
    expect(serde.serialize('t', bad as never)).toBe(JSON.stringify(bad))
    expect(strict.serialize('t', good)).toBe(JSON.stringify(good))
    expect(() => strict.serialize('t', bad as never)).toThrow(fault)
  })

  it('makes dead letters of records that do not fit', () => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
    builder.stream('trips', { valueSerde: serde }).to('out', { valueSerde: serde })
    const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }), {
      config: { deserializationExceptionHandler: 'dead-letter' },
    })
    const input = driver.inputTopic('trips', serdes.string, serdes.json<unknown>())
    input.pipeInput('k', bad)
    input.pipeInput('k', good)
    expect(driver.readOutput('out').map(({ value }) => `${value}`)).toEqual([JSON.stringify(good)])
    expect(driver.readOutput('app.dlq').map(({ value }) => `${value}`)).toEqual([JSON.stringify(bad)])
    driver.close()
  })
})

it('values are what the schema makes of them', () => {
  const serde = standardSchemaSerde(z.object({ at: z.coerce.date(), note: z.string().default('none') }))
  expect(serde.deserialize('t', text({ at: '2026-01-01T00:00:00Z' }))).toEqual({
    at: new Date('2026-01-01T00:00:00Z'),
    note: 'none',
  })
})

it('a schema that checks asynchronously is refused', () => {
  const later: StandardSchema<string> = {
    '~standard': { version: 1, vendor: 'later', validate: async () => ({ value: 'x' }) },
  }
  expect(() => standardSchemaSerde(later).deserialize('t', text('x'))).toThrow(
    'the schema of later checks asynchronously; a serde cannot wait',
  )
})
