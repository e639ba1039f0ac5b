import { expect, it } from 'vitest'
import { restoreRate } from './restore-rate.ts'

const restored = (endedAt: string, seconds: number, total: number) =>
  JSON.stringify({
    level: 'info',
    time: `2026-11-23T10:00:${endedAt}Z`,
    store: 's',
    seconds,
    total,
    msg: 'store restored',
  })

it('the restore rate is the restored records over the time in which at least one store was restoring', () => {
  const lines = ['no JSON', restored('02.000', 2, 3000), restored('01.500', 1, 1000), restored('09.000', 1, 2000)]
  expect(restoreRate(lines)).toBe(2000)
})

it('the restore rate is unknown when nothing was restored or the restore took no time', () => {
  expect(restoreRate([restored('02.000', 1, 0), restored('03.000', 0, 5)])).toBe(null)
})
