import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../../infra/streams/real-clock.ts'
import { takeInputCut } from '../../infra/streams/replay/input-cut.ts'
import { ReplayRun } from '../../infra/streams/replay/replay-run.ts'
import { Scratch } from '../../infra/streams/replay/scratch.ts'
import { layOverCluster } from '../../runtime/instance/cluster-plan.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../runtime/instance/streams-config.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import type { Plan } from '../../topology/plan.ts'
import { LETTING_GO } from './asked-causes.ts'
import type { MemoryApp } from './memory-app.ts'

export interface ReplayOver {
  /** Rows that a replay would write, as `topic key=value`, sorted. */
  differences(): Promise<string[]>
  close(): Promise<void>
}

/** A replay of an application on the in-memory cluster, as far as the comparison. Each call takes in what has come since. */
export async function replayOver(app: MemoryApp, plan: Plan, acceptLoss = false): Promise<ReplayOver> {
  const { applicationId } = plan
  const { admin } = app
  const { partitions, tasks } = await layOverCluster(plan, admin, [app.deadLetterTopic])
  const stateDir = await mkdtemp(join(tmpdir(), 'replay-over-'))
  const scratch = await Scratch.open({ stateDir, stateBackend: 'memory', applicationId: 'replay', cacheBytes: 1e6 })
  const run = new ReplayRun({
    ...{ plan, partitions, tasks, admin, scratch, acceptLoss },
    rules: { stores: {}, outputs: {} },
    config: { ...DEFAULT_STREAMS_CONFIG, ...LETTING_GO, deadLetterTopic: app.deadLetterTopic, applicationId },
    reader: new MemoryReader({
      ...{ cluster: app.cluster, network: IDEAL_NETWORK, clock: realClock, client: 'replay' },
      isolation: 'read_committed',
      maxBatches: () => 3,
    }),
    rate: null,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  })
  const repartitionTopics = new Set(
    plan.internalTopics.filter(({ kind }) => kind === 'repartition').map(({ name }) => name),
  )
  return {
    async differences() {
      const cut = await takeInputCut({
        admin: {
          committedOffsets: (groupId, at) => admin.committedOffsets(groupId, at),
          earliestOffsets: (at) => admin.earliestOffsets(at),
          offsetsForTime: async () => [],
        },
        ...{ groupId: applicationId, tasks, repartitionTopics, toTime: null },
      })
      await run.upTo(cut)
      const found: string[] = []
      await run.compare(['store', 'output'], false, async ({ topic }, _kind, { key, value, differs }) => {
        if (differs) found.push(`${topic} ${key}=${value}`)
        return false
      })
      return found.sort()
    },
    async close() {
      await run.close()
      await scratch.close()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
