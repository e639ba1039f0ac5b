import { rm } from 'node:fs/promises'
import { spansOf } from '../infra/streams/topics/log-scan.ts'
import { type BenchRun, benchRun } from './bench-run.ts'
import type { BenchCluster } from './cluster.ts'
import type { Peer, RunningPeer } from './peer.ts'
import { peerId } from './peers.ts'
import { processUsage } from './process-usage.ts'

/** One start, from the process to the last task. */
export interface Start {
  readonly seconds: number
  /** CPU time until then. */
  readonly cpuSeconds: number
}

/** The cost of one peer's starts in one round. */
export interface RestoreResult {
  readonly peer: Peer
  /** Offsets of all changelogs, markers of transactions included. */
  readonly records: number
  /** With an empty disk, after a clean end. */
  readonly wiped: Start
  /** From the first store that restores to the last task, with an empty disk. */
  readonly restoreSeconds: number
  /** On its own disk, after kill -9. */
  readonly killed: Start
}

/** Lets a peer process the input once. Then it starts with an empty disk, is killed, and starts on its disk. */
export function measureRestore(peer: Peer, cluster: BenchCluster, events: number): Promise<RestoreResult> {
  return benchRun(cluster, `restore-${peerId(peer)}`, (run) => measureStarts(peer, cluster, run, events))
}

async function measureStarts(
  peer: Peer,
  cluster: BenchCluster,
  { applicationId, stateDir, committed }: BenchRun,
  events: number,
): Promise<RestoreResult> {
  let running: RunningPeer | null = null
  const start = async (): Promise<Start & { readonly restoring: number | null; readonly ready: number }> => {
    const from = Date.now()
    running = await peer.start({ bootstrap: cluster.bootstrap, applicationId, threads: peer.threads, stateDir })
    await running.running
    const ready = Date.now()
    const { cpuSeconds } = await processUsage(running.pid)
    return { seconds: (ready - from) / 1000, cpuSeconds, restoring: running.restoring(), ready }
  }
  const stop = async (how: 'stop' | 'kill'): Promise<void> => {
    const stopping = running
    running = null
    await stopping?.[how]()
  }
  try {
    await start()
    await committed(events)
    await stop('stop')
    await rm(stateDir, { recursive: true })
    const records = await changelogRecords(cluster, applicationId)
    const wiped = await start()
    await stop('kill')
    const killed = await start()
    if (wiped.restoring === null) throw new Error(`${peerId(peer)} restored nothing`)
    return { peer, records, wiped, restoreSeconds: (wiped.ready - wiped.restoring) / 1000, killed }
  } finally {
    await stop('stop')
  }
}

async function changelogRecords({ kafka }: BenchCluster, applicationId: string): Promise<number> {
  const admin = kafka.admin()
  const names = (await admin.listTopics()).filter(
    (name) => name.startsWith(`${applicationId}-`) && name.endsWith('-changelog'),
  )
  const spans = await spansOf(admin, names)
  await admin.close()
  return spans.reduce((sum, { from, to }) => sum + to - from, 0)
}
