import { describe, expect, it } from 'vitest'
import {
  addTotal,
  EMPTY_HOUR,
  fareOf,
  type HourTotal,
  hourAndFare,
  hourlyRevenueOf,
  subtractTotal,
} from '../../processors/hourly-revenue/hourly-revenue.ts'
import { type Cents, centsOfNumber } from '../../processors/money.ts'
import { NO_TRIP } from '../../processors/trip-state/trip-state.ts'
import { Random } from '../support/random.ts'

const completedAt = (ms: number, fare: Cents) => ({
  ...NO_TRIP,
  completed: { at: ms, sub: '', eventId: 'e', driverId: null, finalFare: fare, completedAt: ms },
})

describe('hourly revenue', () => {
  it('is exact to the cent over 200,000 trips with corrections', () => {
    const random = new Random(7)
    const hours = new Map<string, HourTotal>()
    const oracle = new Map<string, { cents: bigint; trips: number }>()
    const change = (ms: number, units: number, sign: 1 | -1) => {
      const row = hourAndFare(completedAt(ms, centsOfNumber(units) ?? Number.NaN))
      if (row === null) throw new Error('not completed')
      const [key, fare] = row
      const total = hours.get(key) ?? EMPTY_HOUR
      hours.set(key, sign === 1 ? addTotal(total, fare) : subtractTotal(total, fare))
      const hour = `${new Date(ms).toISOString().slice(0, 13)}:00:00Z`
      const sum = oracle.get(hour) ?? { cents: 0n, trips: 0 }
      const cents = BigInt(units.toFixed(2).replace('.', ''))
      oracle.set(hour, { cents: sum.cents + BigInt(sign) * cents, trips: sum.trips + sign })
    }
    for (let i = 0; i < 200_000; i++) {
      const ms = 1_551_400_000_000 + random.below(40) * 3_600_000 + random.below(3_600_000)
      // Now and then amounts that push the sum beyond what a double or a safe integer of cents holds.
      const units = i % 200 === 0 ? random.below(2 ** 43 - 1) + 0.25 : random.below(50_000) / 100
      change(ms, units, 1)
      if (i % 20 === 0) {
        change(ms, units, -1)
        change(ms + 1_800_000, units, 1)
      }
    }
    const actual = [...hours].map(([hour, total]) => JSON.stringify(hourlyRevenueOf(hour, total))).sort()
    const expected = [...oracle]
      .map(([hour, { cents, trips }]) => {
        const decimals = String(cents % 100n)
          .padStart(2, '0')
          .replace(/0+$/, '')
        return `{"hour":"${hour}","revenue":${cents / 100n}${decimals === '' ? '' : `.${decimals}`},"trips":${trips}}`
      })
      .sort()
    expect(actual).toEqual(expected)
    expect(expected.some((row) => Number(/revenue":(\d+)/.exec(row)?.[1]) > 2 ** 46)).toBe(true)
  })

  it('counts nothing before a trip is completed', () => {
    expect(hourAndFare(NO_TRIP)).toBeNull()
  })

  it('belongs to the UTC hour of the completion', () => {
    const hour = (ms: number) => hourAndFare(completedAt(ms, 1))?.[0]
    expect(hour(Date.UTC(2025, 9, 29, 10))).toBe('2025-10-29T10:00:00Z')
    expect(hour(Date.UTC(2025, 9, 29, 10) - 1)).toBe('2025-10-29T09:00:00Z')
    expect(hour(-1)).toBe('1969-12-31T23:00:00Z')
  })

  it('leaves zeros in an emptied hour', () => {
    const emptied = subtractTotal(addTotal(EMPTY_HOUR, fareOf(1999)), fareOf(1999))
    expect(JSON.stringify(hourlyRevenueOf('h', emptied))).toBe('{"hour":"h","revenue":0,"trips":0}')
  })
})
