import { expect, it } from 'vitest'
import { simulateIdle } from './idle-simulation.ts'

const SEEDS = 25

it(`a replay of idle windows gives the live results, over ${SEEDS} seeds of crashes, losses and aborts`, async () => {
  let crashes = 0
  let recoveries = 0
  let ticks = 0
  let outputs = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulateIdle(seed)
    expect(report.differences, `seed ${seed}`).toEqual([])
    crashes += report.crashes
    recoveries += report.recoveries
    ticks += report.ticks
    outputs += report.outputs
  }
  // The runs must have been rough ones, and ticks must have closed much of what was open.
  expect(crashes).toBeGreaterThan(SEEDS)
  expect(recoveries).toBeGreaterThan(SEEDS)
  expect(ticks).toBeGreaterThan(5 * SEEDS)
  expect(outputs).toBeGreaterThan(10 * SEEDS)
})
