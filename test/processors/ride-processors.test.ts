import { expect, it } from 'vitest'
import { OWN_FOLDS } from '../../app/verify/verify-names.ts'
import { ALL_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { RIDE_PROCESSORS } from '../../processors/ride-processors.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'

const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
const names = Object.keys(RIDE_PROCESSORS) as ProcessorName[]
const sorted = (values: Iterable<string>): readonly string[] => [...values].sort()

it('the processor names equal the processors that can be built', () => {
  expect(sorted(names)).toEqual(sorted(ALL_PROCESSORS))
})

it('the descriptors name every store and every output of the topology', () => {
  const stores = plan.subtopologies.flatMap((each) => each.stores).map(({ spec }) => spec.name)
  expect(sorted(names.flatMap((name) => Object.keys(RIDE_PROCESSORS[name].stores)))).toEqual(sorted(new Set(stores)))
  const repartition = new Set(plan.subtopologies.flatMap((each) => each.repartitionSourceTopics))
  const sinks = plan.subtopologies
    .flatMap(({ nodes }) => nodes)
    .flatMap((node) => (node.type === 'sink' && typeof node.topic === 'string' ? [node.topic] : []))
    .filter((topic) => !repartition.has(topic))
  expect(sorted(names.flatMap((name) => RIDE_PROCESSORS[name].output?.topic ?? []))).toEqual(sorted(new Set(sinks)))
})

it.each(names)('%s has documentation, and verify has one fold for it', (name) => {
  const { docs, sums } = RIDE_PROCESSORS[name]
  expect(docs.length).toBeGreaterThan(100)
  expect((OWN_FOLDS as readonly string[]).includes(name)).toBe(sums === undefined)
})
