import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that took 7 s or more when last measured, the longest first. */
const LONG = [
  'chaos/chaos',
  'e2e/chaos',
  'cli/dev',
  'infra/streams/replay/replay-runs',
  'cli/cluster',
  'e2e/dashboard',
  'infra/streams/replay/replay',
  'e2e/silent-brokers',
  'simulation/cluster/cluster-simulation',
  'infra/streams/kafka-streams',
  'app/verify/verify',
  'infra/local-kafka/no-orphans',
  'e2e/takeover',
  'e2e/zombie',
  'e2e/faults',
  'e2e/broker-versions',
  'infra/kafka/acls',
  'cli/readme-block',
  'state/stores',
  'ops/observability',
  'infra/local-kafka/broker-lifecycle',
  'e2e/queries',
  'e2e/frozen-brokers',
  'simulation/further-simulation',
  'state/backends',
  'simulation/simulation',
  'infra/local-kafka/jar-cluster',
  'e2e/serve-queries',
  'infra/kafka/kafka-membership',
  'simulation/call-simulation',
  'infra/http/query-router',
  'app/events/event-consumer',
  'e2e/async-calls',
  'e2e/odd-times',
  'infra/kafka/broken-connections',
  'infra/kafka/secured-broker',
  'cli/export-postgres',
  'e2e/errors',
  'cli/usage',
  'infra/local-kafka/compose',
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
