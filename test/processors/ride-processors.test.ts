import { expect, it } from 'vitest'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import { RIDE_PROCESSORS } from '../../processors/ride-processors.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'

const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
const sorted = (values: Iterable<string>): readonly string[] => [...values].sort()

it('the descriptors name every store and every output of the topology', () => {
  const stores = plan.subtopologies.flatMap((each) => each.stores).map(({ spec }) => spec.name)
  expect(sorted(RIDE_PROCESSORS.flatMap((one) => Object.keys(one.stores)))).toEqual(sorted(new Set(stores)))
  const repartition = new Set(plan.subtopologies.flatMap((each) => each.repartitionSourceTopics))
  const sinks = plan.subtopologies
    .flatMap(({ nodes }) => nodes)
    .flatMap((node) => (node.type === 'sink' && typeof node.topic === 'string' ? [node.topic] : []))
    .filter((topic) => !repartition.has(topic))
  expect(sorted(RIDE_PROCESSORS.flatMap(({ output }) => output?.topic ?? []))).toEqual(sorted(new Set(sinks)))
})

it.each(RIDE_PROCESSORS)(
  '$name has documentation, verify has a fold for it, and what it needs comes before it',
  (one) => {
    expect(one.docs.length).toBeGreaterThan(100)
    expect(one.fold).not.toBeNull()
    const before = ALL_PROCESSORS.slice(0, ALL_PROCESSORS.indexOf(one.name))
    expect(one.needs.filter((name) => !(before as readonly string[]).includes(name))).toEqual([])
  },
)
