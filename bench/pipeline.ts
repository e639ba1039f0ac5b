/*
 * The processing path on its own: record batches already in memory, real tasks and stores, the output encoded as it is sent, no
 * broker. `npm run bench:pipeline [-- EVENTS --backend memory|level --dir DIRECTORY]`; with `node --cpu-prof` it says where the time
 * goes. CPU is that of the whole process, garbage collection included, loading not.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BufferPool, KafkaOutputBatch } from '../infra/kafka/kafka-output-batch.ts'
import { realClock } from '../infra/streams/real-clock.ts'
import { rideTopics } from '../processors/ride-topics.ts'
import { buildRideTopology } from '../processors/ride-topology.ts'
import { DEFAULT_STREAMS_CONFIG } from '../runtime/instance/streams-config.ts'
import type { CommitRequest, EndPositions, LogAdmin } from '../runtime/ports/log.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { LocalThread } from '../runtime/thread/local-thread.ts'
import { levelBackends } from '../state/backends/level.ts'
import { memoryBackends } from '../state/backends/memory.ts'
import { writeBehind } from '../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../state/create-store.ts'
import { CacheBudget } from '../state/layers/cache-budget.ts'
import { load } from './load.ts'
import { encodedLogs, PreloadedReader } from './pipeline-input.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'memory' },
    /** Where LevelDB's files are made, and removed in the end. */
    dir: { type: 'string', default: tmpdir() },
  },
})
const events = Number(positionals[0] ?? 300_000)

const partitions = new Map<string, number>()
for (const { name } of rideTopics({ applicationId: 'bench', outputRetentionMs: -1 })) partitions.set(name, 3)
partitions.set('driver.location.updated', 6)
partitions.set('driver.cell.changed', 6)
partitions.set('bench-hourly-revenue-repartition', 3)

const logs = encodedLogs(load(events), ({ topic, key }) => partitionForKey(key, partitions.get(topic) ?? 1))

const PRODUCER = { producerId: 1, producerEpoch: 1, transactional: true }
const pool = new BufferPool()
let outputRecords = 0
let outputBytes = 0
const writer = {
  init: async () => {},
  newBatch: () => new KafkaOutputBatch({ maxBatchBytes: 1_000_000, topics: new Map() }, pool),
  commit: async ({ batch }: CommitRequest): Promise<EndPositions> => {
    outputRecords += batch.records
    outputBytes += batch.bytes
    const encoded = batch as KafkaOutputBatch
    for (const { encoder } of encoded.partitions) {
      for (let i = encoder.finish() - 1; i >= 0; i--) encoder.encode(i, PRODUCER, 0, 'none')
    }
    await realClock.yield()
    encoded.release()
    return new Map()
  },
  close: async () => {},
}
const admin: LogAdmin = {
  describeTopics: async () => new Map(),
  createTopics: async () => {},
  committedOffsets: async () => [],
  highWatermarks: async (all) => all.map(() => 0),
  earliestOffsets: async (all) => all.map(() => 0),
  topicSettings: async () => new Map(),
  changeTopicSettings: async () => {},
  deleteRecords: async () => {},
}
const cache = new CacheBudget(64 * 1024 * 1024)
const directory = options.backend === 'level' ? mkdtempSync(join(options.dir, 'ride-pipeline-')) : null
const backends = directory === null ? memoryBackends() : writeBehind(levelBackends(directory))
const plan = buildRideTopology({ h3Resolution: 9 }).build({ applicationId: 'bench' })
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
  reader: new PreloadedReader(logs),
  newRestoreReader: () => new PreloadedReader(new Map()),
  writer,
  admin,
  clock: realClock,
  onEvent: () => undefined,
  openStore: async (taskId, spec, context) =>
    createStore(spec, await backends.open(taskId, spec.name, backendOptions(spec)), context, { cache }),
})
const keepAlive = setInterval(() => {}, 1000)
const started = performance.now()
const cpuBefore = process.cpuUsage()
const tasks = ['0_0', '0_1', '0_2', '1_0', '1_1', '1_2', ...[0, 1, 2, 3, 4, 5].map((p) => `2_${p}`)]
await thread.assign(tasks, [], { groupId: 'bench', memberId: '', generation: -1, groupInstanceId: null })
const processed = async (): Promise<number> => {
  const families = await thread.metrics()
  const family = families.find(({ name }) => name === 'records_processed_total')
  return (
    family?.samples.reduce((sum, { labels, value }) => sum + (labels.topic?.includes('repartition') ? 0 : value), 0) ??
    0
  )
}
while ((await processed()) < events) await realClock.sleep(5)
await thread.close()
const seconds = (performance.now() - started) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
clearInterval(keepAlive)
if (directory !== null) rmSync(directory, { recursive: true })
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(
  `${events} events in ${seconds.toFixed(2)} s: ${Math.round(events / seconds)}/s, ` +
    `CPU ${((user + system) / events).toFixed(2)} us/event (system ${(system / events).toFixed(2)}), ` +
    `${outputRecords} records out, ${Math.round(outputBytes / 1e6)} MB, peak RSS ${peakMiB} MiB with the input\n`,
)
