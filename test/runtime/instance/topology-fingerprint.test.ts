import { expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../../processors/processor-names.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { topologyFingerprint } from '../../../runtime/instance/topology-fingerprint.ts'
import { bytesSerde } from '../../../topology/serdes.ts'
import { keyValueStore } from '../../../topology/stores.ts'
import { Topology } from '../../../topology/topology.ts'
import { countingPlan } from '../../support/counting-plan.ts'

const ride = (options: Partial<Parameters<typeof buildRideTopology>[0]> = {}): string =>
  topologyFingerprint(buildRideTopology({ h3Resolution: 9, ...options }).build({ applicationId: 'app' }))

it('the fingerprint ignores settings that leave tasks and stores as they are', () => {
  expect(ride()).toBe(ride())
  expect(ride({ h3Resolution: 7 })).toBe(ride())
})

it('the fingerprint differs when a store begins to log parts: members that do not know them would take them for rows', () => {
  const of = (changelogParts: boolean): string => {
    const store = keyValueStore({ name: 's', keySerde: bytesSerde, valueSerde: bytesSerde, changelogParts })
    const topology = new Topology()
      .addSource({ name: 'in', topics: 'in', keySerde: bytesSerde, valueSerde: bytesSerde })
      .addProcessor({ name: 'keep', parents: ['in'], supplier: () => ({ process: () => undefined }) })
      .addStateStore(store, ['keep'])
    return topologyFingerprint(topology.build({ applicationId: 'app' }))
  }
  expect(of(true)).not.toBe(of(false))
})

it('the fingerprint differs when a source, a store or a processor differs', () => {
  const all = [ride(), ride({ processors: ALL_PROCESSORS }), topologyFingerprint(countingPlan())]
  all.push(topologyFingerprint(countingPlan({ topics: ['in', 'other'] })))
  expect(new Set(all).size).toBe(all.length)
})
