import { expect, it } from 'vitest'
import { FlowHistory } from '../../../../infra/http/dashboard/flow-history.ts'
import type { FlowPoint } from '../../../../infra/http/dashboard/sections/index.ts'

const BEGIN = 1_800_000_000_000

/** A reading a second; at second n the rate is n, and lag and p99 have a peak at n = 4. */
const reading = (n: number): FlowPoint => [BEGIN + n * 1000, n, n === 4 ? 900 : 1, null, n === 4 ? 2 : 0.5, 0.25, null]

it('the last ten minutes are kept by the second, an hour by ten seconds, a day by two minutes, each with its peaks', () => {
  const history = new FlowHistory()
  for (let n = 0; n < 7200; n++) history.add(reading(n))
  expect(history.points(600)).toEqual(Array.from({ length: 601 }, (_, index) => reading(6599 + index)))
  expect(history.points(60)).toEqual(Array.from({ length: 61 }, (_, index) => reading(7139 + index)))
  const hour = history.points(3600)
  expect(hour.length).toBe(361)
  expect(hour.at(-1)).toEqual([BEGIN + 7_199_000, 7194.5, 1, null, 0.5, 0.25, null])
  const day = history.points(86_400)
  expect(day.length).toBe(60)
  expect(day[0]).toEqual([BEGIN + 119_000, 59.5, 900, null, 2, 0.25, null])
})

it('the step under way is shown, and what nobody knows stays unknown', () => {
  const history = new FlowHistory()
  expect(history.points(3600)).toEqual([])
  history.add([BEGIN, null, null, null, null, null, null])
  history.add([BEGIN + 1000, 10, null, null, null, null, null])
  expect(history.points(3600)).toEqual([[BEGIN + 1000, 10, null, null, null, null, null]])
})
