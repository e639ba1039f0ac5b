import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEnd, formatHour, formatInstant } from '../../processors/time/format-instant.ts'
import { instantMs, subMsDigits } from '../../processors/time/parse-instant.ts'
import { INVALID_TIMESTAMPS } from '../support/invalid-events.ts'
import { instantOf } from '../support/oracle.ts'

const SUB_UNITS = 10n ** 27n

/** Our two halves put together in the oracle's unit. */
function exactly(text: string): bigint | null {
  const ms = instantMs(text)
  if (Number.isNaN(ms)) return null
  return BigInt(ms) * SUB_UNITS + BigInt(subMsDigits(text).padEnd(27, '0'))
}

const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`))
/** Right in form, and often enough impossible. */
const written = fc
  .tuple(
    fc.oneof(digits(4), fc.constantFrom('2019', '2020', '1900', '2000', '0000', '9999', '1970')),
    fc.oneof(digits(2), fc.constantFrom('01', '02', '12')),
    fc.oneof(digits(2), fc.constantFrom('01', '28', '29', '30', '31')),
    fc.oneof(digits(2), fc.constantFrom('00', '23', '24')),
    fc.oneof(digits(2), fc.constantFrom('00', '59')),
    fc.option(fc.tuple(fc.oneof(digits(2), fc.constantFrom('00', '59')), fc.stringMatching(/^([.,][0-9]{1,25})?$/))),
    fc.oneof(
      fc.constant('Z'),
      fc.stringMatching(/^[+-][0-3][0-9](:?[0-9]{2})?$/),
      fc.constantFrom('+02:00', '-0330', '+14', ''),
    ),
  )
  .map(([y, mo, d, h, mi, s, zone]) => `${y}-${mo}-${d}T${h}:${mi}${s === null ? '' : `:${s[0]}${s[1]}`}${zone}`)

describe('instants', () => {
  it('are parsed as an independent parser parses them', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(exactly(text)).toBe(instantOf(text))
      }),
      { numRuns: 20_000, seed: 1 },
    )
  })

  it('with one changed character are parsed as an independent parser parses them', () => {
    const base = fc.constantFrom('2019-03-01T10:00:00Z', '2019-03-01T10:00:00.123456+02:00', '2019-03-01T10:00-0500')
    fc.assert(
      fc.property(base, fc.nat(40), fc.string({ minLength: 0, maxLength: 2, unit: 'binary' }), (text, at, with_) => {
        const changed = text.slice(0, at) + with_ + text.slice(at + 1)
        expect(exactly(changed)).toBe(instantOf(changed))
      }),
      { numRuns: 2000, seed: 2 },
    )
  })

  it('in the format of JSON dates are parsed as Date.parse does, over all years', () => {
    // From the year 0000 to the end of 9999: all of them have 24 characters.
    const time = fc.integer({ min: Date.parse('0000-01-01T00:00:00.000Z'), max: 253402300799999 })
    fc.assert(
      fc.property(time, (ms) => {
        expect(instantMs(new Date(ms).toISOString())).toBe(ms)
      }),
      { numRuns: 2000, seed: 3 },
    )
  })

  it('compare exactly below the millisecond and across offsets', () => {
    const ascending = [
      '2019-03-01T10:00:00.123Z',
      '2019-03-01T10:00:00.1230000000000000001Z',
      '2019-03-01T12:00:00.12345+02:00',
      '2019-03-01T10:00:00,1235Z',
      '2019-03-01T05:00:00.124-0500',
    ]
    const exact = ascending.map((text) => [instantMs(text), subMsDigits(text)] as const)
    expect(exact).toEqual([
      [1551434400123, ''],
      [1551434400123, '0000000000000001'],
      [1551434400123, '45'],
      [1551434400123, '5'],
      [1551434400124, ''],
    ])
    expect(subMsDigits('2019-03-01T10:00:00.123000000Z')).toBe('')
  })

  it.each(INVALID_TIMESTAMPS)('refuse %j', (text) => {
    expect(instantMs(text)).toBeNaN()
  })

  it.each([
    ['2020-02-29T00:00:00Z', Date.UTC(2020, 1, 29)],
    ['2000-02-29T00:00Z', Date.UTC(2000, 1, 29)],
    ['2019-03-01T24:00:00Z', Date.UTC(2019, 2, 2)],
    ['2019-12-31T23:30:00-01:00', Date.UTC(2020, 0, 1, 0, 30)],
    ['1969-12-31T23:59:59.9999Z', -1],
    ['0000-01-01T23:59:00+23:59', -62167219200000],
    ['9999-12-31T00:00:00.123-23:59', 253402300740123],
  ])('accept %s', (text, ms) => {
    expect(instantMs(text)).toBe(ms)
  })

  it('at the ends of spans sort after all instants as texts too', () => {
    expect(formatEnd(Date.UTC(2019, 2, 1, 10))).toBe('2019-03-01T10:00:00Z')
    expect(formatEnd(Date.UTC(9999, 11, 31, 23, 59, 59))).toBe('9999-12-31T23:59:59Z')
    expect(formatEnd(Date.UTC(10_000, 0))).toBe('9999-12-31T24:00:00Z')
  })

  it('are formatted as toISOString formats them', () => {
    fc.assert(
      fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: -1e13, max: 1e13 }), (far, near) => {
        for (const ms of [far, near]) {
          const text = new Date(ms).toISOString()
          expect(formatInstant(ms)).toBe(text)
          expect(formatHour(ms)).toBe(text.replace(/\d\d:\d\d\.\d{3}Z$/, '00:00Z'))
        }
      }),
      { numRuns: 2000, seed: 4 },
    )
  })
})
