import Table from 'cli-table3'
import type { FaultRecord, RoundResult } from './chaos-round.ts'
import { percentile } from './waits.ts'

const HEAD = [
  'fault',
  'count',
  'lost',
  'duplicated',
  'wrong',
  'commits again s: p50',
  'p99',
  'max',
  'after return s: p50',
  'max',
  'restore rec/s p50',
]

/** One row per fault type and one for all, of one round or several. */
export function faultTable(rounds: readonly RoundResult[]): string {
  const faults = rounds.flatMap((round) => round.faults)
  const differences = rounds.flatMap((round) => round.differences)
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: HEAD.map((_, i) => (i ? 'right' : 'left')),
  })
  const row = (name: string, of: readonly FaultRecord[], all: typeof differences) => {
    const count = (kind: string) => all.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.count, 0)
    const gaps = of.map(({ gapMs }) => gapMs)
    const returns = of.flatMap(({ returnGapMs }) => returnGapMs ?? [])
    const restores = of.flatMap(({ restorePerSecond }) => restorePerSecond ?? [])
    table.push([
      name,
      of.length,
      count('lost'),
      count('duplicated'),
      count('wrong'),
      ...[0.5, 0.99, 1].map((share) => seconds(percentile(gaps, share))),
      ...[0.5, 1].map((share) => seconds(percentile(returns, share))),
      rate(percentile(restores, 0.5)),
    ])
  }
  for (const type of [...new Set(faults.map((fault) => fault.type))].sort()) {
    row(
      type,
      faults.filter((fault) => fault.type === type),
      differences.filter(({ blamedOn }) => blamedOn === type),
    )
  }
  const nobodys = differences.filter(({ blamedOn }) => blamedOn === null)
  if (nobodys.length > 0) row('(not told apart)', [], nobodys)
  row('all', faults, differences)
  return table.toString()
}

/** Nothing lost, twice or wrong. */
export function isClean(rounds: readonly RoundResult[]): boolean {
  return rounds.every(({ differences }) => differences.length === 0)
}

export function faultLine({ type, victim, gapMs, returnGapMs, restorePerSecond }: FaultRecord): string {
  const parts = [`${type} of ${victim}`, `commits again after ${seconds(gapMs)} s`]
  if (returnGapMs !== null) parts.push(`its return cost ${seconds(returnGapMs)} s`)
  if (restorePerSecond !== null) parts.push(`restored ${rate(restorePerSecond)} records/s`)
  return parts.join(', ')
}

/** A line with the results of a round and of all rounds so far. */
export function roundLine(round: RoundResult, rounds: readonly RoundResult[]): string {
  const found = (some: readonly RoundResult[]): string => {
    const count = (kind: string) =>
      some.flatMap(({ differences }) => differences).reduce((sum, one) => sum + (one.kind === kind ? one.count : 0), 0)
    const faults = some.reduce((sum, one) => sum + one.faults.length, 0)
    return `${faults} faults, ${count('lost')} lost, ${count('duplicated')} duplicated, ${count('wrong')} wrong`
  }
  return `round: ${found([round])}; so far: ${found(rounds)}`
}

function seconds(ms: number | null): string {
  return ms === null ? '-' : (ms / 1000).toFixed(1)
}

function rate(perSecond: number | null): string {
  return perSecond === null ? '-' : String(Math.round(perSecond))
}
