import type { StateReport } from '../../runtime/ports/membership.ts'
import type { Timing } from './retry.ts'

export interface ProbeOptions {
  /** Standbys and warm-ups of the member. */
  readonly standby: readonly string[]
  /** Lags as of the join. */
  readonly lags: StateReport['lags']
  readonly acceptableLag: number
  readonly report: () => Promise<StateReport>
  /** The longest wait, ms. */
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly timing: Timing
}

const LOOK_MS = 500

/** Resolves when a standby that was behind at the join has caught up, when the interval is over, or when aborted. */
export async function nextProbe(options: ProbeOptions): Promise<void> {
  const { standby, lags, acceptableLag, report, intervalMs, signal, timing } = options
  const isCaughtUp = (lag: number | undefined): boolean => lag !== undefined && lag <= acceptableLag
  const behind = standby.filter((taskId) => !isCaughtUp(lags[taskId]))
  const deadline = timing.monotonic() + intervalMs
  while (!signal.aborted && timing.monotonic() < deadline) {
    const left = deadline - timing.monotonic()
    await timing.pause(behind.length > 0 ? Math.min(LOOK_MS, left) : left, signal)
    if (signal.aborted || behind.length === 0) continue
    const now = await report()
    if (behind.some((taskId) => isCaughtUp(now.lags[taskId]))) return
  }
}
