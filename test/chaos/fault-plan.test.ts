import { expect, it } from 'vitest'
import { FAULT_TYPES, type FaultPlanOptions, faultPlan, type PlannedFault } from './fault-plan.ts'

const OPTIONS: FaultPlanOptions = {
  seed: 3,
  types: FAULT_TYPES,
  instances: 3,
  brokers: 1,
  sessionTimeoutMs: 6000,
  maxBrokerDownMs: 30_000,
}
function plan(options: Partial<FaultPlanOptions>, count: number): PlannedFault[] {
  const faults: PlannedFault[] = []
  for (const fault of faultPlan({ ...OPTIONS, ...options })) if (faults.push(fault) === count) break
  return faults
}

it('a seed always gives the same plan, and another seed gives another plan', () => {
  expect(plan({}, 80)).toEqual(plan({}, 80))
  expect(plan({ seed: 4 }, 80)).not.toEqual(plan({}, 80))
})

it('the plan uses all types of faults equally often', () => {
  const counts = Map.groupBy(plan({}, 10 * FAULT_TYPES.length), ({ type }) => type)
  expect([...counts.values()].map((faults) => faults.length)).toEqual(FAULT_TYPES.map(() => 10))
})

it('the plan keeps a victim away for longer than the session timeout only when other instances can take over', () => {
  const killed = (options: Partial<FaultPlanOptions>) =>
    plan({ ...options, types: ['kill'] }, 50).map(({ holdMs }) => holdMs)
  expect(Math.min(...killed({}))).toBeGreaterThanOrEqual(7000)
  expect(killed({ instances: 1 }).every((ms) => ms === 0)).toBe(true)
  const paused = plan({ instances: 1, types: ['pause'] }, 50)
  expect(Math.min(...paused.map(({ holdMs }) => holdMs))).toBeGreaterThanOrEqual(7000)
})
