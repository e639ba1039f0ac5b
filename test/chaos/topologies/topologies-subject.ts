import { fileURLToPath } from 'node:url'
import { TAKES_WHAT_INPUT_TOOK } from '../../../topology/internal-topic-config.ts'
import { kafkajs, type ReadRecord } from '../../support/kafkajs.ts'
import { runCli } from '../../support/run-cli.ts'
import type { LoadRecord } from '../constant-load.ts'
import type { Difference } from '../judge.ts'
import type { Subject } from '../subject.ts'
import { closingsOf, recordsOf } from './case-run.ts'
import { casesOf } from './cases/index.ts'
import { type CaseInput, type CaseRecord, PARTITIONS } from './chaos-case.ts'
import { caseDifferences } from './judge-cases.ts'
import { storeDifferences } from './judge-stores.ts'
import { QueryWatch } from './query-watch.ts'
import { topologyEnvironment, topologyProgram } from './topology-program.ts'

const APPLICATION_ID = 'strangers'
const MODULE = fileURLToPath(new URL('./topology.ts', import.meta.url))
/** No topic loses records by age, and each takes those of any time. */
const KEEP = { ...TAKES_WHAT_INPUT_TOOK, 'retention.ms': '-1' }

/** How many records are aborted, again and again. */
const ABORTED = 2000
/**
 * Changelogs are compacted all the time, and forget deletes and the markers of transactions after some seconds. A segment ends after half a
 * minute by the time of its records.
 */
const EAGER_CLEANER = {
  'log.roll.ms': '30000',
  'log.cleaner.backoff.ms': '300',
  'log.cleaner.min.cleanable.ratio': '0.01',
  'log.cleaner.delete.retention.ms': '5000',
}

export interface TopologiesOptions {
  readonly optimization: 'none' | 'all'
  /** Environment of the instances, and of the program that verifies their disks. */
  readonly settings: Readonly<Record<string, string>>
}

/** The cases of these names as one application. */
export function topologiesSubject(
  names: readonly string[],
  seed: number,
  { optimization, settings }: TopologiesOptions,
): Subject {
  const cases = casesOf(names)
  const inputs = cases.flatMap((one) => one.inputs)
  const globals = cases.flatMap((one) => one.globals ?? [])
  const outputs = cases.flatMap((one) => one.outputs)
  const rising = cases.flatMap((one) => one.risingStores ?? [])
  return {
    program: topologyProgram(names, optimization),
    applicationId: APPLICATION_ID,
    ...{ inputs, globals, outputs },
    properties: EAGER_CLEANER,
    async createTopics(bootstrap) {
      const admin = kafkajs(bootstrap).admin()
      await admin.connect()
      const configEntries = Object.entries(KEEP).map(([name, value]) => ({ name, value }))
      await admin.createTopics({
        topics: [...inputs, ...globals, ...outputs].map((topic) => ({
          topic,
          numPartitions: PARTITIONS,
          configEntries,
        })),
      })
      await admin.disconnect()
    },
    before: () => cases.flatMap((one) => one.before?.() ?? []).map(toLoad),
    load: (count) => recordsOf(cases, seed, count).map(toLoad),
    aborted: () => recordsOf(cases, seed ^ 0xab027ed, ABORTED).map(toLoad),
    after: () => closingsOf(cases).map((records) => records.map(toLoad)),
    differences: ({ input, outputs: found }) => caseDifferences(cases, input.map(toCase), found),
    queries: rising.length === 0 ? null : (urls) => new QueryWatch(urls, rising, seed),
    storeDifferences: (input, running) => storeDifferences(cases, input.map(toCase), running),
    async diskDifferences(bootstrap, stateDir) {
      const env = {
        ...{ KAFKA_BROKERS: bootstrap, APPLICATION_ID, STATE_DIR: stateDir },
        ...topologyEnvironment(names, optimization),
        ...settings,
      }
      const { code, stdout, stderr } = await runCli(['verify', '--module', MODULE], env)
      if (code === 0) return []
      const difference: Difference = { kind: 'wrong', count: 1, text: `verify: ${stderr} ${stdout}`, cause: null }
      return [difference]
    },
  }
}

function toLoad({ topic, key, value, timestamp }: CaseRecord): LoadRecord {
  const bytes = value === null ? null : Buffer.from(JSON.stringify(value))
  return { topic, key: Buffer.from(key), value: bytes, timestamp, partitionHint: null }
}

function toCase({ topic, partition, key, value, timestamp }: ReadRecord): CaseInput {
  const parsed: unknown = value === null ? null : JSON.parse(String(value))
  return { topic, partition, key: String(key), value: parsed, timestamp: Number(timestamp) }
}
