import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addCents,
  type Cents,
  centsFromJson,
  centsOfNumber,
  centsOfText,
  centsToJson,
  moneyToJson,
  subtractCents,
} from '../../processors/money.ts'

const cents = fc.oneof(
  fc.bigInt({ min: -(10n ** 6n), max: 10n ** 6n }),
  fc.bigInt({ min: 2n ** 53n - 5n, max: 2n ** 53n + 5n }),
  fc.bigInt({ min: -(2n ** 53n) - 5n, max: -(2n ** 53n) + 5n }),
  fc.bigInt({ min: 0n, max: 10n ** 40n }),
)
const shaped = (value: bigint): Cents => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

describe('amounts of money', () => {
  it('add and subtract as whole cents do, at any size, in one representation', () => {
    fc.assert(
      fc.property(cents, cents, (a, b) => {
        expect(addCents(shaped(a), shaped(b))).toBe(shaped(a + b))
        expect(subtractCents(shaped(a), shaped(b)) === shaped(a - b)).toBe(true)
        expect(centsFromJson(JSON.parse(JSON.stringify(centsToJson(shaped(a)))))).toBe(shaped(a))
      }),
      { numRuns: 2000, seed: 1 },
    )
  })

  it('become exact JSON numbers with at most two decimals', () => {
    fc.assert(
      fc.property(cents, (a) => {
        const text = JSON.stringify({ revenue: moneyToJson(shaped(a)) })
        const digits = /^\{"revenue":(-?)(\d+)(?:\.(\d{1,2}))?\}$/.exec(text)
        expect(digits, text).not.toBeNull()
        const [, sign, whole = '', fraction = ''] = digits ?? []
        const read = BigInt(whole + fraction.padEnd(2, '0'))
        expect(sign === '-' ? -read : read).toBe(a)
      }),
      { numRuns: 2000, seed: 2 },
    )
  })

  it('with two decimals up to 2^43 are read exactly from their doubles', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 43 * 100 - 1 }), fc.integer({ min: 0, max: 99 }), (a, b) => {
        const text = `${Math.floor(a / 100)}.${String(b).padStart(2, '0')}`
        expect(centsOfNumber(Number(text))).toBe(Math.floor(a / 100) * 100 + b)
      }),
      { numRuns: 20_000, seed: 3 },
    )
  })

  it('with a third decimal are refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 9 }), (a, last) => {
        expect(centsOfNumber(Number(`${a}.12${last}`))).toBeNaN()
        expect(centsOfText(`${a}.12${last}`)).toBeUndefined()
      }),
      { seed: 4 },
    )
    for (const bad of [0.1 + 0.2, 1e-7, 0.005, 1.005]) expect(centsOfNumber(bad)).toBeNaN()
  })

  it.each<[string, Cents]>([
    ['0', 0],
    ['0.00', 0],
    ['12.5', 1250],
    ['1e3', 100_000],
    ['1.25E1', 1250],
    ['125e-2', 125],
    ['90071992547409.91', 9007199254740991],
    ['90071992547409.92', 9007199254740992n],
    ['90071992547409.930', 9007199254740993n],
    ['1e300', 10n ** 302n],
  ])('are read from the text %s', (text, expected) => {
    expect(centsOfText(text)).toBe(expected)
  })

  it('have no negative zero', () => {
    expect(JSON.stringify([centsOfNumber(-0), moneyToJson(0)])).toBe('[0,0]')
    expect(Object.is(centsOfNumber(-0), 0)).toBe(true)
  })
})
