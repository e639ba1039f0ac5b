import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonText, literal } from '../../processors/json-text.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom('', '\ud800', '"\\\n\u007f', 'x'.repeat(9000)),
)
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: -180_000_000, max: 180_000_000 }).map((micros) => micros / 1e6),
  fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
  fc.constantFrom(
    0,
    -0,
    1e-6,
    9.9e-7,
    1e-7,
    0.1 + 0.2,
    1e9,
    1e9 - 1e-6,
    999_999_999.999999,
    1e15,
    1e15 - 1,
    1e21,
    5e-324,
  ),
)

describe('a JSON text written piece by piece', () => {
  const text = new JsonText()

  it('has numbers and strings as JSON.stringify prints them', () => {
    const OPEN = literal('[')
    const COMMA = literal(',')
    const CLOSE = literal(']')
    fc.assert(
      fc.property(fc.array(fc.oneof(anyText, anyNumber, fc.constant(null)), { minLength: 1 }), (values) => {
        for (const [i, value] of values.entries()) {
          text.literal(i === 0 ? OPEN : COMMA)
          if (typeof value === 'number') text.number(value)
          else text.string(value)
        }
        text.literal(CLOSE)
        expect(text.take()).toBe(JSON.stringify(values))
      }),
      { seed: 7, numRuns: 2000 },
    )
  })

  it('has instants as formatInstant prints them', () => {
    const ms = fc.oneof(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: 0, max: 4_102_444_800_000 }))
    fc.assert(
      fc.property(ms, (at) => {
        text.instant(at)
        expect(text.take()).toBe(JSON.stringify(formatInstant(at)))
      }),
      { seed: 7, numRuns: 1000 },
    )
  })
})
