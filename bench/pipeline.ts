/*
 * The processing path on its own: record batches already in memory, real tasks and stores, the output encoded as it is sent, no
 * broker. Repartition topics are read again. With `node --cpu-prof` it says where the time goes. CPU is that of the whole process,
 * garbage collection included, loading not.
 *
 * npm run bench:pipeline [-- EVENTS --drivers N --processors all|core,trip-offers,... --backend memory|level --dir DIRECTORY
 *   --lists trips-by-status,... --topics --operator NAME]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { realClock } from '../infra/streams/real-clock.ts'
import { ALL_PROCESSORS, CORE_PROCESSORS, type ProcessorName } from '../processors/processor-names.ts'
import { rideTopics } from '../processors/ride-topics.ts'
import { buildRideTopology } from '../processors/ride-topology.ts'
import { TRIP_STATE_STORE } from '../processors/topics.ts'
import type { TripListQuestion } from '../processors/trip-state/trip-lists.ts'
import { layOverCluster } from '../runtime/instance/cluster-plan.ts'
import { DEFAULT_STREAMS_CONFIG } from '../runtime/instance/streams-config.ts'
import type { LogAdmin } from '../runtime/ports/log.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { LocalThread } from '../runtime/thread/local-thread.ts'
import { levelBackends } from '../state/backends/level.ts'
import { memoryBackends } from '../state/backends/memory.ts'
import { writeBehind } from '../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../state/create-store.ts'
import { CacheBudget } from '../state/layers/cache-budget.ts'
import { load } from './load.ts'
import { LoopLog } from './loop-log.ts'
import { INPUT_PARTITIONS, inputOf } from './operators/input.ts'
import { operatorNamed, topologyOf } from './operators/operators.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    drivers: { type: 'string', default: '5000' },
    processors: { type: 'string', default: 'core' },
    /** Runs one operator of bench/operators instead of the processors; then EVENTS are orders. */
    operator: { type: 'string', default: '' },
    backend: { type: 'string', default: 'memory' },
    /** Lists of trips that are asked for at the start: their indexes are kept up to date from then on. */
    lists: { type: 'string', default: '' },
    /** Prints records and bytes of each topic. */
    topics: { type: 'boolean', default: false },
    /** Where LevelDB's files are made, and removed in the end. */
    dir: { type: 'string', default: tmpdir() },
  },
})
const OPERATOR_OUT = 'out'
const events = Number(positionals[0] ?? 300_000)
const processors = values.processors
  .split(',')
  .flatMap((name) => (name === 'all' ? ALL_PROCESSORS : name === 'core' ? CORE_PROCESSORS : [name as ProcessorName]))
const operator = values.operator === '' ? null : operatorNamed(values.operator)
const topology =
  operator === null
    ? buildRideTopology({ h3Resolution: 9, processors: [...new Set(processors)] })
    : topologyOf(operator, OPERATOR_OUT)
const plan = topology.build({ applicationId: 'bench' })

const admin: LogAdmin = {
  describeTopics: async (names) =>
    new Map(
      names
        .filter((name) => !name.startsWith('bench-'))
        .map((name) => [name, { name, id: name, partitions: partitionsOf(name) }]),
    ),
  createTopics: async () => {},
  committedOffsets: async () => [],
  highWatermarks: async (all) => all.map(() => 0),
  lastStableOffsets: async (all) => all.map(() => 0),
  earliestOffsets: async (all) => all.map(() => 0),
  topicSettings: async () => new Map(),
  changeTopicSettings: async () => {},
  deleteRecords: async () => {},
}
const outputs =
  operator === null
    ? rideTopics({ applicationId: 'bench', outputRetentionMs: -1 }).map(({ name }) => name)
    : [OPERATOR_OUT]
const { partitions, tasks } = await layOverCluster(plan, admin, outputs)
const log = new LoopLog(new Set(plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)))
const input =
  operator === null
    ? [load(events, { drivers: Number(values.drivers) })]
    : operator.inputs.map((topic) => inputOf(topic, events))
for (const records of input) {
  for (const { topic, key, value, timestamp } of records) {
    log.add({ topic, partition: partitionForKey(key, partitions.get(topic) ?? 1) }, key, value, timestamp)
  }
}
log.seal()

const lists = values.lists.split(',').filter((name) => name !== '')
const NOTHING: TripListQuestion = {
  of: 'nobody',
  from: 0,
  to: 0,
  status: null,
  passengerId: null,
  after: null,
  reverse: false,
  limit: 1,
}
const cache = new CacheBudget(64 * 1024 * 1024)
const directory = values.backend === 'level' ? mkdtempSync(join(values.dir, 'ride-pipeline-')) : null
const backends = directory === null ? memoryBackends() : writeBehind(levelBackends(directory))
const thread = new LocalThread({
  index: 0,
  plan,
  config: {
    ...DEFAULT_STREAMS_CONFIG,
    applicationId: 'bench',
    deserializationExceptionHandler: 'dead-letter',
    deadLetterTopic: 'bench.dlq',
  },
  partitions,
  reader: log.reader(),
  newRestoreReader: () => log.reader(),
  writer: log.writer,
  admin,
  clock: { ...realClock, monotonic: cpuMs },
  onEvent: () => undefined,
  openStore: async (taskId, spec, context) => {
    const store = createStore(spec, await backends.open(taskId, spec.name, backendOptions(spec)), context, { cache })
    if (spec.name === TRIP_STATE_STORE) for (const list of lists) await store.committed.ask?.(list, NOTHING)
    return store
  },
})

function partitionsOf(topic: string): number {
  if (operator !== null) return INPUT_PARTITIONS
  return /^driver\.(loc|cell)/.test(topic) ? 6 : 3
}

/** The clock of the commits: a machine that is busy with other things makes no more of them per event. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Records processed so far, of all topics. */
async function processed(): Promise<number> {
  const families = await thread.metrics()
  const family = families.find(({ name }) => name === 'records_processed_total')
  return family?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0
}

/** Until everything written to a topic that is read again has been processed, and what came of it, too. */
async function drained(): Promise<void> {
  for (let quiet = 0; quiet < QUIET; ) {
    const before = log.looped
    const done = await processed()
    await realClock.sleep(5)
    quiet = done === before && log.looped === before ? quiet + 1 : 0
  }
}

const QUIET = 50
const keepAlive = setInterval(() => {}, 1000)
const [began, usage] = [performance.now(), process.cpuUsage()]
await thread.assign(
  tasks.map(({ taskId }) => taskId),
  [],
  { groupId: 'bench', memberId: '', generation: -1, groupInstanceId: null },
)
await drained()
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(usage)
await thread.close()
clearInterval(keepAlive)
if (directory !== null) rmSync(directory, { recursive: true })
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(
  `${events} events in ${seconds.toFixed(2)} s: ${Math.round(events / seconds)}/s, ` +
    `CPU ${((user + system) / events).toFixed(2)} us/event (system ${(system / events).toFixed(2)}), ` +
    `${log.records} records out, ${Math.round(log.bytes / 1e6)} MB, peak RSS ${peakMiB} MiB with the input\n`,
)
if (values.topics) {
  const largestFirst = [...log.topics].sort(([, a], [, b]) => b.bytes - a.bytes)
  for (const [topic, { records, bytes }] of largestFirst)
    process.stdout.write(`${topic}: ${records} records, ${(bytes / 1e6).toFixed(1)} MB\n`)
}
