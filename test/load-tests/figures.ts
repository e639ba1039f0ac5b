import { longestWait, percentile } from '../chaos/waits.ts'
import { mean } from './chart.ts'
import type { TripOutcome } from './city-load.ts'
import type { LoadResult, LoadSample } from './load-thread.ts'
import type { ProcessSample } from './process-watch.ts'
import type { Restart } from './rolling-restart.ts'

/** All that a run has seen. Times are ms since time 0. */
export interface RunRecord {
  readonly seconds: number
  readonly samples: readonly LoadSample[]
  readonly processes: readonly ProcessSample[]
  readonly result: LoadResult
  readonly restart: Restart
  /** Differences that `verify` has found. */
  readonly differences: number
  /** Load averages of the machine (one minute) before the brokers started, and when the last event was sent. */
  readonly machineLoad: { readonly before: number; readonly after: number }
}

export interface Latencies {
  readonly requests: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly most: number | null
}

export interface Loss {
  readonly requests: number
  readonly withoutOffer: number
  readonly withSeveralOffers: number
  /** Trips whose last state is not what their last event makes of them. */
  readonly wrongState: number
  readonly deadLetters: number
  readonly differences: number
}

export interface Spread {
  readonly mean: number
  readonly most: number
}

export interface ProcessFigures {
  readonly name: string
  readonly cpuPercent: Spread
  readonly rssMiB: Spread
}

export interface Figures {
  readonly eventsPerSecond: number
  readonly outputsPerSecond: number
  /** Over the greatest values of each second. */
  readonly lag: {
    readonly medianMs: number
    readonly p95Ms: number
    readonly mostMs: number
    readonly mostRecords: number
  }
  readonly latency: Readonly<Record<LatencyPart, Latencies>>
  readonly offersWithDrivers: number
  readonly loss: Loss
  readonly rebalance: {
    /** Longest time in which input events of a partition waited and no commit came, ms: after SIGTERM; after the new start. */
    readonly stopMs: number
    readonly returnMs: number
    /** The same before SIGTERM, once the burst is over. */
    readonly usualMs: number
    /** From SIGTERM to the end of the process; from its new start until all its tasks are active. */
    readonly endMs: number
    readonly readyMs: number
  }
  readonly processes: readonly ProcessFigures[]
}

export type LatencyPart = 'burst' | 'beside' | 'restart' | 'steady'

/** Tasks move back after a new start: this long still counts as the restart. */
export const RESTART_TAIL_MS = 5000

/** How long the burst counts as on its way, ms: 10 s of two minutes. */
export function settleMs(seconds: number): number {
  return (seconds * 1000) / 12
}

export function figuresOf({ seconds, samples, processes, result, restart, differences }: RunRecord): Figures {
  const within = samples.filter(({ atMs }) => atMs >= 0)
  const lags = within.map(({ lagMs }) => lagMs)
  const [first, last] = [within[0], within.at(-1)]
  const perSecond = (of: (sample: LoadSample) => number): number =>
    first === undefined || last === undefined ? 0 : ((of(last) - of(first)) * 1000) / (last.atMs - first.atMs)
  const { outcomes, waits, deadLetters } = result
  const offered = outcomes.filter(({ offers }) => offers > 0)
  return {
    eventsPerSecond: perSecond(({ sent }) => sent),
    outputsPerSecond: perSecond(({ received }) => received),
    lag: {
      medianMs: percentile(lags, 0.5) ?? 0,
      p95Ms: percentile(lags, 0.95) ?? 0,
      mostMs: Math.max(0, ...lags),
      mostRecords: Math.max(0, ...within.map(({ lagRecords }) => lagRecords)),
    },
    latency: latenciesOf(outcomes, seconds, restart),
    offersWithDrivers: offered.filter(({ offeredDrivers }) => offeredDrivers > 0).length,
    loss: {
      requests: outcomes.length,
      withoutOffer: outcomes.length - offered.length,
      withSeveralOffers: outcomes.filter(({ offers }) => offers > 1).length,
      wrongState: outcomes.filter(({ expected, seen }) => expected !== seen).length,
      deadLetters,
      differences,
    },
    rebalance: {
      stopMs: longestWait(waits, restart.stopAt, restart.startAt),
      returnMs: longestWait(waits, restart.startAt, restart.readyAt + RESTART_TAIL_MS),
      usualMs: longestWait(waits, settleMs(seconds), restart.stopAt),
      endMs: restart.endedAt - restart.stopAt,
      readyMs: restart.readyAt - restart.startAt,
    },
    processes: processFigures(processes.filter(({ atMs }) => atMs >= 0 && atMs <= seconds * 1000)),
  }
}

/** True when something was lost, counted twice or is wrong. */
export function isLossy({ withoutOffer, withSeveralOffers, wrongState, deadLetters, differences }: Loss): boolean {
  return withoutOffer + withSeveralOffers + wrongState + deadLetters + differences > 0
}

/** From the request to its offer, ms; null when there was no offer. */
export function latencyOf({ requestedAt, offeredAt }: TripOutcome): number | null {
  return offeredAt === null ? null : offeredAt - requestedAt
}

/** Each request after the warm-up is in one part. */
function latenciesOf(outcomes: readonly TripOutcome[], seconds: number, restart: Restart): Figures['latency'] {
  const partOf = ({ kind, requestedAt }: TripOutcome): LatencyPart => {
    if (kind === 'burst') return 'burst'
    if (requestedAt < settleMs(seconds)) return 'beside'
    const isRestarting = requestedAt >= restart.stopAt && requestedAt < restart.readyAt + RESTART_TAIL_MS
    return isRestarting ? 'restart' : 'steady'
  }
  const parts = Map.groupBy(
    outcomes.filter(({ kind }) => kind !== 'warm-up'),
    partOf,
  )
  const latencies = (part: LatencyPart): Latencies => {
    const all = parts.get(part) ?? []
    const values = all.map(latencyOf).filter((value) => value !== null)
    const [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1].map((share) => percentile(values, share)) as (number | null)[]
    return { requests: all.length, p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null, most: most ?? null }
  }
  return {
    burst: latencies('burst'),
    beside: latencies('beside'),
    restart: latencies('restart'),
    steady: latencies('steady'),
  }
}

function processFigures(samples: readonly ProcessSample[]): readonly ProcessFigures[] {
  return [...Map.groupBy(samples, ({ name }) => name)].map(([name, own]) => ({
    name,
    cpuPercent: spread(own.map(({ cpuPercent }) => cpuPercent)),
    rssMiB: spread(own.map(({ rssMiB }) => rssMiB)),
  }))
}

function spread(values: readonly number[]): Spread {
  return { mean: mean(values), most: Math.max(...values) }
}
