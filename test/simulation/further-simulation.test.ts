import { expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import { simulate } from './ride-simulation.ts'

const SEEDS = 25

it(`all processors keep every invariant over ${SEEDS} seeds of crashes, zombies, losses, aborts and rebalances`, async () => {
  let crashes = 0
  let recoveries = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulate(seed, { processors: ALL_PROCESSORS })
    expect(report.differences, `seed ${seed}`).toEqual([])
    crashes += report.crashes
    recoveries += report.recoveries
  }
  expect(crashes).toBeGreaterThan(SEEDS)
  expect(recoveries).toBeGreaterThan(SEEDS)
})
