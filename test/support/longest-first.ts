import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that took 15 s or more when last measured, the longest first. */
const LONG = [
  'e2e/chaos',
  'chaos/chaos',
  'e2e/faults',
  'cli/cluster',
  'e2e/takeover',
  'app/verify/verify',
  'infra/kafka/acls',
  'ops/observability',
  'cli/dev',
  'simulation/further-simulation',
  'infra/local-kafka/compose-three',
  'e2e/queries',
  'e2e/broker-versions',
  'infra/streams/replay/replay',
  'e2e/frozen-brokers',
  'cli/operations',
  'infra/streams/replay/replay-runs',
  'e2e/zombie',
  'infra/kafka/kafka-membership',
  'infra/local-kafka/jar-cluster',
  'state/stores',
  'e2e/dashboard',
  'simulation/idle-simulation',
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
