import { Topology } from '../../../topology/topology.ts'

/** A common mistake: the plan is one call further. */
export function buildPlan(): Topology {
  return new Topology()
}
