import { Topology } from '../../../topology/topology.ts'

/** What many write first: the plan is one call further. */
export function buildPlan(): Topology {
  return new Topology()
}
