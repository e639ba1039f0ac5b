import { expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../../processors/processor-names.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { topologyFingerprint } from '../../../runtime/instance/topology-fingerprint.ts'
import { countingPlan } from '../../support/counting-plan.ts'

const ride = (options: Partial<Parameters<typeof buildRideTopology>[0]> = {}): string =>
  topologyFingerprint(buildRideTopology({ h3Resolution: 9, ...options }).build({ applicationId: 'app' }))

it('the fingerprint ignores settings that leave tasks and stores as they are', () => {
  expect(ride()).toBe(ride())
  expect(ride({ h3Resolution: 7 })).toBe(ride())
})

it('the fingerprint differs when a source, a store or a processor differs', () => {
  const all = [ride(), ride({ processors: ALL_PROCESSORS }), topologyFingerprint(countingPlan())]
  all.push(topologyFingerprint(countingPlan({ topics: ['in', 'other'] })))
  expect(new Set(all).size).toBe(all.length)
})
