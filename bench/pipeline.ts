/*
 * The processing path on its own: records already in memory, real tasks, stores and record batch encoding, no broker and no
 * disk. `npm run bench:pipeline [-- EVENTS]`; with `node --cpu-prof` it says where the time goes.
 */

import { BufferPool, KafkaOutputBatch } from '../infra/kafka/kafka-output-batch.ts'
import { realClock } from '../infra/streams/real-clock.ts'
import { rideTopics } from '../processors/ride-topics.ts'
import { buildRideTopology } from '../processors/ride-topology.ts'
import { DEFAULT_STREAMS_CONFIG } from '../runtime/instance/streams-config.ts'
import type {
  CommitRequest,
  EndPositions,
  FetchedPartition,
  LogAdmin,
  LogReader,
  LogRecord,
} from '../runtime/ports/log.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { LocalThread } from '../runtime/thread/local-thread.ts'
import { memoryBackends } from '../state/backends/memory.ts'
import { backendOptions, createStore } from '../state/create-store.ts'
import { CacheBudget } from '../state/layers/cache-budget.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import { load } from './load.ts'

const events = Number(process.argv[2] ?? 300_000)
const FETCH = 1000

const partitions = new Map<string, number>()
for (const { name } of rideTopics({ applicationId: 'bench', outputRetentionMs: -1 })) partitions.set(name, 3)
partitions.set('driver.location.updated', 6)
partitions.set('driver.cell.changed', 6)
partitions.set('bench-hourly-revenue-repartition', 3)

const logs = new Map<string, LogRecord[]>()
for (const { topic, key, value, timestamp } of load(events)) {
  const name = `${topic}:${partitionForKey(key, partitions.get(topic) ?? 1)}`
  const log = logs.get(name) ?? []
  logs.set(name, log)
  log.push({ offset: log.length, timestamp, key: Buffer.from(key), value: Buffer.from(value), headers: NO_HEADERS })
}

/** Hands out the logs round robin, a fetch at a time. */
class PreloadedReader implements LogReader {
  readonly #positions = new Map<string, number>()
  readonly #paused = new Set<string>()
  assign({ topic, partition }: { topic: string; partition: number }, position: number): void {
    this.#positions.set(`${topic}:${partition}`, position)
  }
  unassign({ topic, partition }: { topic: string; partition: number }): void {
    this.#positions.delete(`${topic}:${partition}`)
  }
  pause({ topic, partition }: { topic: string; partition: number }): void {
    this.#paused.add(`${topic}:${partition}`)
  }
  resume({ topic, partition }: { topic: string; partition: number }): void {
    this.#paused.delete(`${topic}:${partition}`)
  }
  async poll(): Promise<readonly FetchedPartition[]> {
    const news: FetchedPartition[] = []
    for (const [name, from] of this.#positions) {
      if (this.#paused.has(name)) continue
      const [topic = '', partition = ''] = name.split(':')
      const log = logs.get(name) ?? []
      const records = log.slice(from, from + FETCH)
      const position = from + records.length
      this.#positions.set(name, position)
      if (records.length > 0 || !this.#told.has(name)) {
        this.#told.add(name)
        news.push({
          topic,
          partition: Number(partition),
          from,
          records,
          bytes: records.length * 400,
          position,
          endOffset: log.length,
        })
      }
    }
    await realClock.yield()
    return news
  }
  readonly #told = new Set<string>()
  async close(): Promise<void> {}
}

const pool = new BufferPool()
let outputRecords = 0
let outputBytes = 0
const writer = {
  init: async () => {},
  newBatch: () => new KafkaOutputBatch({ maxBatchBytes: 1_000_000, topics: new Map() }, pool),
  commit: async ({ batch }: CommitRequest): Promise<EndPositions> => {
    outputRecords += batch.records
    outputBytes += batch.bytes
    await realClock.yield()
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
const backends = memoryBackends()
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
  reader: new PreloadedReader(),
  newRestoreReader: () => new PreloadedReader(),
  writer,
  admin,
  clock: realClock,
  openStore: async (taskId, spec, context) =>
    createStore(spec, await backends.open(taskId, spec.name, backendOptions(spec)), context, { cache }),
})
const keepAlive = setInterval(() => {}, 1000)
const started = performance.now()
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
clearInterval(keepAlive)
process.stdout.write(
  `${events} events in ${seconds.toFixed(2)} s: ${Math.round(events / seconds)}/s, ${outputRecords} records out, ${Math.round(outputBytes / 1e6)} MB\n`,
)
