import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that took 10 s or more when last measured, the longest first. */
const LONG = [
  'e2e/chaos',
  'chaos/chaos',
  'cli/cluster',
  'cli/dev',
  'infra/streams/replay/replay-runs',
  'infra/kafka/acls',
  'e2e/broker-versions',
  'e2e/takeover',
  'simulation/cluster/cluster-simulation',
  'infra/streams/replay/replay',
  'app/verify/verify',
  'infra/local-kafka/compose-three',
  'ops/observability',
  'state/stores',
  'e2e/frozen-brokers',
  'infra/local-kafka/jar-cluster',
  'infra/streams/kafka-streams',
  'infra/kafka/kafka-membership',
  'e2e/faults',
  'cli/operations',
  'e2e/queries',
  'e2e/dashboard',
  'simulation/further-simulation',
  'e2e/zombie',
  'infra/local-kafka/no-orphans',
  'infra/local-kafka/broker-lifecycle',
  'infra/kafka/secured-broker',
  'simulation/simulation',
]

/** Starts long files first, so that none is left alone at the end. Vitest knows how long they take only where it has run before. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const ranks = new Map(LONG.map((name, rank) => [`test/${name}.test.ts`, rank]))
    const rankOf = ({ moduleId }: TestSpecification) =>
      ranks.get(relative(this.ctx.config.root, moduleId)) ?? LONG.length
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b))
  }
}
