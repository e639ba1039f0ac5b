import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchRun, benchRun } from './bench-run.ts'
import type { BenchCluster } from './cluster.ts'
import { type Latency, measureLatency } from './latency.ts'
import type { OutputsCheck } from './outputs-check.ts'
import type { Peer } from './peer.ts'
import { peerId } from './peers.ts'
import { processUsage } from './process-usage.ts'

const SETTLE_MS = 30_000
const LOOK_AGAIN_MS = 500

/** The figures of one peer in one round. */
export interface PeerResult {
  readonly peer: Peer
  /** Input records per second, until nothing is left to do behind them. */
  readonly perSecond: number
  readonly totalSeconds: number
  readonly cpuSeconds: number
  /** CPU that the broker took meanwhile. */
  readonly brokerCpuSeconds: number
  readonly peakRssMiB: number
  /** By the events per second that came in. */
  readonly latencies: ReadonlyMap<number, Latency>
}

export interface MeasureOptions {
  readonly events: number
  readonly check: OutputsCheck
  readonly latencySeconds: number
  readonly latencyRates: readonly number[]
}

/**
 * Runs a peer from the first input record to the last.
 * @throws Error when an output is wrong
 */
export function measurePeer(peer: Peer, cluster: BenchCluster, options: MeasureOptions): Promise<PeerResult> {
  return benchRun(cluster, `bench-${peerId(peer)}`, (run) => measureRun(peer, run, cluster.brokerPid, options))
}

/** Sums come a repartition topic later than the input's commit: what is wrong counts when it stays so. */
async function settled(check: OutputsCheck): Promise<readonly string[]> {
  const giveUp = performance.now() + SETTLE_MS
  for (;;) {
    const wrong = await check.differences()
    if (wrong.length === 0 || performance.now() > giveUp) return wrong
    await sleep(LOOK_AGAIN_MS)
  }
}

async function measureRun(
  peer: Peer,
  { bootstrap, applicationId, stateDir, committed, drained }: BenchRun,
  brokerPid: number,
  { events, check, latencySeconds, latencyRates }: MeasureOptions,
): Promise<PeerResult> {
  await check.begin()
  const brokerBefore = await processUsage(brokerPid)
  const started = await peer.start({ bootstrap, applicationId, threads: peer.threads, stateDir })
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (!isStopped) await started.stop()
    isStopped = true
  }
  try {
    const [progress] = await Promise.all([committed(events), started.running])
    const { usage, ...drain } = await drained(progress, started.pid)
    const brokerCpuSeconds = (await processUsage(brokerPid)).cpuSeconds - brokerBefore.cpuSeconds
    const latencies = new Map<number, Latency>()
    for (const perSecond of latencySeconds > 0 ? latencyRates : []) {
      latencies.set(perSecond, await measureLatency({ bootstrap, seconds: latencySeconds, perSecond }))
    }
    const wrong = await settled(check)
    await stop()
    if (wrong.length > 0) {
      throw new Error(`${peerId(peer)}: ${wrong.length} outputs are wrong\n${wrong.slice(0, 5).join('\n')}`)
    }
    return { peer, ...drain, ...usage, brokerCpuSeconds, latencies }
  } finally {
    await stop()
  }
}
