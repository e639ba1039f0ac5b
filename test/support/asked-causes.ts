import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Cause, findCause } from '../../infra/streams/causes/index.ts'
import { realClock } from '../../infra/streams/real-clock.ts'
import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../runtime/instance/streams-config.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import type { LogReader } from '../../runtime/ports/log.ts'
import { deadLetterTopic } from '../../topology/index.ts'
import type { Plan } from '../../topology/plan.ts'
import { MemoryApp } from './memory-app.ts'

/** Bad records become dead letters. */
export const LETTING_GO = {
  processingExceptionHandler: 'dead-letter',
  deserializationExceptionHandler: 'dead-letter',
} as const

export interface SentRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly partition?: number
}

/** Runs the application over this input until all is committed, and closes it. */
export async function ranOver(
  plan: Plan,
  input: readonly SentRecord[],
  topics: Readonly<Record<string, number>>,
): Promise<MemoryApp> {
  const app = new MemoryApp({ plan, topics, config: LETTING_GO })
  for (const { topic, key, value, ...at } of input) app.produce(topic, key, value, at)
  await app.start()
  const read = plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
  const partitions = read.flatMap((topic) =>
    Array.from({ length: app.cluster.partitions(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  )
  const ends = (): number[] => partitions.map((at) => app.cluster.log(at).highWatermark)
  // Each of them may write to others.
  for (let before = ''; before !== String(ends()); ) {
    before = String(ends())
    for (const { topic, partition } of partitions)
      if (app.cluster.log({ topic, partition }).highWatermark > 0) await app.drained(topic, partition)
  }
  await app.instance.close()
  return app
}

/** The answer about the record at `topic:partition:offset` of the application's cluster, by this plan. */
export async function causeOf(
  app: MemoryApp,
  plan: Plan,
  place: string,
  config: Partial<StreamsConfig> = LETTING_GO,
): Promise<Cause> {
  const [topic = '', partition, offset] = place.split(':')
  const { applicationId } = plan
  const letters = deadLetterTopic(applicationId)
  const stateDir = await mkdtemp(join(tmpdir(), 'causes-'))
  const open = new Set<LogReader>()
  const options = {
    plan,
    config: { ...DEFAULT_STREAMS_CONFIG, deadLetterTopic: letters, ...config, applicationId },
    deadLetterTopic: letters,
    admin: app.admin,
    reader: () => {
      const at = { cluster: app.cluster, network: IDEAL_NETWORK, clock: realClock, client: 'why' }
      const reader = new MemoryReader({ ...at, isolation: 'read_committed', maxBatches: () => 3 })
      open.add(reader)
      return Object.assign(reader, {
        close: async () => {
          open.delete(reader)
          await MemoryReader.prototype.close.call(reader)
        },
      })
    },
    stateDir,
    stateBackend: 'memory',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  } as const
  try {
    return await findCause({ topic, partition: Number(partition), offset: Number(offset) }, options)
  } finally {
    await rm(stateDir, { recursive: true, force: true })
    expect(open.size, 'connections that the search left open').toBe(0)
  }
}
