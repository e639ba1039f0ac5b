import { type Figures, isLossy } from './figures.ts'

/** A figure of the decision record beside ours. */
export interface Comparison {
  readonly figure: string
  readonly record: string
  readonly ours: string
  readonly isMet: boolean
}

const RECORD = { eventsPerSecond: 217, lagMs: 100, p95Ms: 85, rebalanceMs: 3000, cpuPercent: 15, memoryMb: 450 }

/** The decision record's seven figures. Ours are those of the hardest reading: the greatest broker, the longest rebalance. */
export function comparisons(figures: Figures): readonly Comparison[] {
  const { latency, lag, loss, rebalance, processes } = figures
  const brokers = processes.filter(({ name }) => name.startsWith('broker'))
  const cpu = Math.max(...brokers.map(({ cpuPercent }) => cpuPercent.mean))
  const memory = Math.max(...brokers.map(({ rssMiB }) => rssMiB.most)) * 1.048576
  const rebalanceMs = Math.max(rebalance.stopMs, rebalance.returnMs)
  const { burst, steady } = latency
  return [
    {
      figure: 'events per second',
      record: `${RECORD.eventsPerSecond}/s`,
      ours: `${figures.eventsPerSecond.toFixed(0)}/s in, ${figures.outputsPerSecond.toFixed(0)}/s out`,
      isMet: figures.eventsPerSecond >= RECORD.eventsPerSecond,
    },
    {
      figure: 'lag (age of the oldest event not committed), P95',
      record: `< ${RECORD.lagMs} ms`,
      ours: `${ms(lag.p95Ms)}, median ${ms(lag.medianMs)}`,
      isMet: lag.p95Ms < RECORD.lagMs,
    },
    {
      figure: "P95 until the drivers' offer arrives, steady",
      record: `${RECORD.p95Ms} ms`,
      ours: ms(steady.p95),
      isMet: (steady.p95 ?? Number.POSITIVE_INFINITY) <= RECORD.p95Ms,
    },
    {
      figure: "P95 until the drivers' offer arrives, trips requested at once",
      record: `${RECORD.p95Ms} ms`,
      ours: ms(burst.p95),
      isMet: (burst.p95 ?? Number.POSITIVE_INFINITY) <= RECORD.p95Ms,
    },
    {
      figure: 'loss',
      record: '0',
      ours: isLossy(loss) ? 'see below' : `0 of ${loss.requests} requests, 0 differences`,
      isMet: !isLossy(loss),
    },
    {
      figure: 'rebalance: longest time without a commit',
      record: `< ${RECORD.rebalanceMs / 1000} s`,
      ours: ms(rebalanceMs),
      isMet: rebalanceMs < RECORD.rebalanceMs,
    },
    {
      figure: 'broker CPU (of one core, mean, greatest broker)',
      record: `${RECORD.cpuPercent} %`,
      ours: `${cpu.toFixed(0)} %`,
      isMet: cpu <= RECORD.cpuPercent,
    },
    {
      figure: 'broker memory (RSS, greatest broker)',
      record: `${RECORD.memoryMb} MB`,
      ours: `${memory.toFixed(0)} MB`,
      isMet: memory <= RECORD.memoryMb,
    },
  ]
}

/** A time as a reader wants it: milliseconds, seconds from ten thousand on; a dash when there is none. */
export function ms(value: number | null): string {
  if (value === null) return '-'
  return value < 10_000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`
}
