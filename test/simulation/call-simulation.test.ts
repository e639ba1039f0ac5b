import { expect, it } from 'vitest'
import { simulateCalls } from './call-simulation.ts'
import { MUTANTS } from './mutants.ts'

const SEEDS = 30
const SEEDS_AT_LEAST_ONCE = 12
const SEEDS_TO_FIND_A_MUTANT = 300

it(`each record that is asked about has its one effect, over ${SEEDS} seeds of crashes, zombies, losses and aborts`, async () => {
  let crashes = 0
  let recoveries = 0
  let attempts = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulateCalls(seed)
    expect(report.differences, `seed ${seed}`).toEqual([])
    crashes += report.crashes
    recoveries += report.recoveries
    attempts += report.attempts
  }
  expect(crashes).toBeGreaterThan(SEEDS)
  expect(recoveries).toBeGreaterThan(SEEDS)
  // Far more than one for each of the 60 records of a seed: the runs must have been rough ones.
  expect(attempts).toBeGreaterThan(80 * SEEDS)
})

it(`no answer is lost under at_least_once over ${SEEDS_AT_LEAST_ONCE} seeds`, async () => {
  for (let seed = 1; seed <= SEEDS_AT_LEAST_ONCE; seed++) {
    const report = await simulateCalls(seed, { guarantee: 'at_least_once' })
    expect(report.differences, `seed ${seed}`).toEqual([])
  }
})

it.each(MUTANTS)('the simulation of calls finds a planted bug: %s', async (_name, mutants) => {
  for (let seed = 1; seed <= SEEDS_TO_FIND_A_MUTANT; seed++) {
    const { differences } = await simulateCalls(seed, { mutants })
    expect(differences.join()).not.toContain('the instance stopped')
    if (differences.length > 0) return
  }
  expect.unreachable('the simulation did not notice')
})
