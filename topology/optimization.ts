import { StreamsTopologyError } from '../state/ports/errors.ts'

const EACH = ['reuse.ktable.source.topics', 'merge.repartition.topics', 'single.store.self.join'] as const

/** One way to make a topology cheaper. Values of topology.optimization of Kafka Streams. */
export type Optimization = (typeof EACH)[number]

/** `none`, `all`, or some of them. */
export type TopologyOptimization = 'none' | 'all' | Optimization | readonly Optimization[]

/** @throws StreamsTopologyError for a value that is none of them */
export function optimizationsOf(given: TopologyOptimization = 'none'): ReadonlySet<Optimization> {
  if (given === 'none') return new Set()
  if (given === 'all') return new Set(EACH)
  const some = typeof given === 'string' ? [given] : given
  for (const one of some) {
    if (EACH.includes(one)) continue
    throw new StreamsTopologyError(
      `topologyOptimization: ${JSON.stringify(one)} is not accepted, expected none, all, or some of ${EACH.join(', ')}`,
    )
  }
  return new Set(some)
}
