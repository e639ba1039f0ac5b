import { expect, it } from 'vitest'
import { CLUSTER_MUTANTS } from './cluster-mutants.ts'
import { type ClusterReport, simulateCluster, THREAD_CHANGES } from './cluster-simulation.ts'

const SEEDS = 40
const THREAD_SEEDS = 12
const SEEDS_TO_FIND_A_MUTANT = 1000
/** Few seeds find these bugs: the search for them begins shortly before the first one that does. */
const FIRST_SEEDS: ReadonlyMap<string, number> = new Map([
  ['restore to the last stable offset', 450],
  ['commit without generation', 80],
])

it(`a group keeps every invariant over ${SEEDS} seeds of crashes, pauses, cuts, leaves, wiped disks and lost replies`, async () => {
  const sum = { crashes: 0, wipes: 0, pauses: 0, cuts: 0, leaves: 0, standbys: 0, fenced: 0, recoveries: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await checked(seed)
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += report[name]
  }
  // The runs must have been rough ones, and of groups.
  expect(sum.crashes).toBeGreaterThan(SEEDS / 2)
  for (const count of Object.values(sum)) expect(count).toBeGreaterThan(SEEDS / 10)
})

it(`a group keeps every invariant over ${THREAD_SEEDS} seeds in which threads come and go as well`, async () => {
  let changes = 0
  for (let seed = 1; seed <= THREAD_SEEDS; seed++) {
    const { differences, threadChanges } = await simulateCluster(seed, {}, undefined, THREAD_CHANGES)
    expect(differences, `npm run simulation -- --from ${seed} --count 1 --trace --of threads`).toEqual([])
    changes += threadChanges
  }
  expect(changes).toBeGreaterThan(THREAD_SEEDS)
})

it.each([
  [329, 'a member that missed a generation commits what is somebody else’s'],
  [1166, 'the same, with records processed twice'],
  [1099, 'a member that comes back is fenced by a request that was late, and waits for ever'],
])('seed %i, which failed once, keeps every invariant: %s', async (seed) => {
  // In the schedules of then, when markers were never late.
  const { differences } = await simulateCluster(seed, {}, undefined, { delayMarkers: 0 })
  expect(differences).toEqual([])
})

it.each([
  [12901, 'nobody ends what the process before left open in a thread that gets no task'],
  [13631, 'a join that comes late takes the place of the one that waits, whose member waits for ever'],
])('seed %i, which failed once, keeps every invariant: %s', async (seed) => {
  await checked(seed)
})

it('the cluster simulation repeats a run for the same seed', async () => {
  const [first, second] = [await simulateCluster(42), await simulateCluster(42)]
  expect(second).toEqual(first)
})

it.each(CLUSTER_MUTANTS)('the cluster simulation finds a planted bug: %s', async (name, mutants) => {
  const first = FIRST_SEEDS.get(name) ?? 1
  for (let seed = first; seed < first + SEEDS_TO_FIND_A_MUTANT; seed++) {
    const { differences } = await simulateCluster(seed, mutants)
    // A mutant that crashes would prove nothing: it must be found by what it does to the data.
    expect(differences.join()).not.toContain('stopped:')
    if (differences.length > 0) return
  }
  expect.unreachable('the simulation did not notice')
})

async function checked(seed: number): Promise<ClusterReport> {
  const report = await simulateCluster(seed)
  expect(report.differences, `npm run simulation -- --from ${seed} --count 1 --trace`).toEqual([])
  return report
}
