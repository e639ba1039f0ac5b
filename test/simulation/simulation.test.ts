import { expect, it } from 'vitest'
import { MUTANTS } from './mutants.ts'
import { simulate } from './ride-simulation.ts'

const SEEDS = 25
const SEEDS_AT_LEAST_ONCE = 12
const SEEDS_TO_FIND_A_MUTANT = 1000

it(`the application keeps every invariant over ${SEEDS} seeds of crashes, zombies, losses, aborts and rebalances`, async () => {
  let crashes = 0
  let zombies = 0
  let recoveries = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulate(seed)
    expect(report.differences, `seed ${seed}`).toEqual([])
    crashes += report.crashes
    zombies += report.zombies
    recoveries += report.recoveries
  }
  // The run must have been a rough one.
  expect(crashes).toBeGreaterThan(SEEDS)
  expect(zombies).toBeGreaterThan(SEEDS / 5)
  expect(recoveries).toBeGreaterThan(SEEDS)
})

it(`the application loses nothing under at_least_once over ${SEEDS_AT_LEAST_ONCE} seeds`, async () => {
  let recoveries = 0
  for (let seed = 1; seed <= SEEDS_AT_LEAST_ONCE; seed++) {
    const report = await simulate(seed, { guarantee: 'at_least_once' })
    expect(report.differences, `seed ${seed}`).toEqual([])
    recoveries += report.recoveries
  }
  expect(recoveries).toBeGreaterThan(SEEDS_AT_LEAST_ONCE)
})

it('the simulation repeats a run for the same seed', async () => {
  const [first, second] = [await simulate(42), await simulate(42)]
  expect(second).toEqual(first)
})

it.each(MUTANTS)('the simulation finds a planted bug: %s', async (_name, mutants) => {
  for (let seed = 1; seed <= SEEDS_TO_FIND_A_MUTANT; seed++) {
    const { differences } = await simulate(seed, { mutants })
    // A mutant that crashes would prove nothing: it must be found by what it does to the data.
    expect(differences.join()).not.toContain('the instance stopped')
    if (differences.length > 0) return
  }
  expect.unreachable('the simulation did not notice')
})
