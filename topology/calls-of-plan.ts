import type { Plan, PlanCalls, ProcessorNode, Subtopology } from './plan.ts'

/** A node that asks outside of the topology. */
export interface CallingNode {
  readonly name: string
  readonly calls: PlanCalls
  readonly subtopology: Subtopology
}

/** All nodes of a plan that make calls. */
export function callersOf({ subtopologies }: Pick<Plan, 'subtopologies'>): readonly CallingNode[] {
  return subtopologies.flatMap((subtopology) =>
    subtopology.nodes
      .filter((node): node is ProcessorNode => node.type === 'processor')
      .flatMap(({ name, calls }) => (calls === undefined ? [] : [{ name, calls, subtopology }])),
  )
}
