import type { FlowPoint } from './sections/index.ts'

interface Tier {
  readonly everyMs: number
  readonly points: FlowPoint[]
  /** Points of the step that is under way. */
  readonly open: FlowPoint[]
}

/** Steps of the past that are kept: the last ten minutes by the second, the last hour by ten seconds, the last day by two minutes. */
const TIERS_MS = [
  [1000, 600_000],
  [10_000, 3_600_000],
  [120_000, 86_400_000],
] as const

/*
 * Owns the readings of the last day, coarser the older they are.
 * 1. A step begins at a multiple of its length, has the time of its last reading, and is added when a reading of the next step comes.
 * 2. Rates and p50 of a step are averages of what is known; lag and p99 are the greatest, so that no peak is lost.
 */
export class FlowHistory {
  readonly #tiers: readonly Tier[] = TIERS_MS.map(([everyMs]) => ({ everyMs, points: [], open: [] }))

  add(point: FlowPoint): void {
    for (const [index, tier] of this.#tiers.entries()) {
      const [first] = tier.open
      if (first !== undefined && stepOf(first, tier) !== stepOf(point, tier)) {
        tier.points.push(merged(tier.open))
        tier.open.length = 0
      }
      tier.open.push(point)
      const keptMs = TIERS_MS[index]?.[1] ?? 0
      while ((tier.points[0]?.[0] ?? point[0]) < point[0] - keptMs) tier.points.shift()
    }
  }

  /** The last `seconds`, oldest first, by the finest steps that are kept for so long; the step under way included. */
  points(seconds: number): readonly FlowPoint[] {
    const index = TIERS_MS.findIndex(([, keptMs]) => keptMs >= seconds * 1000)
    const tier = this.#tiers.at(index)
    if (tier === undefined) return []
    const points = tier.open.length === 0 ? tier.points : [...tier.points, merged(tier.open)]
    const since = (points.at(-1)?.[0] ?? 0) - seconds * 1000
    return points.filter(([at]) => at >= since)
  }
}

const stepOf = ([at]: FlowPoint, { everyMs }: Tier): number => Math.floor(at / everyMs)

function merged(points: readonly FlowPoint[]): FlowPoint {
  const known = (index: 1 | 2 | 3 | 4 | 5 | 6): readonly number[] =>
    points.flatMap((point) => (point[index] === null ? [] : [point[index]]))
  const average = (values: readonly number[]): number | null =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
  const greatest = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.max(...values))
  const at = points.at(-1)?.[0] ?? 0
  return [
    at,
    average(known(1)),
    greatest(known(2)),
    average(known(3)),
    greatest(known(4)),
    average(known(5)),
    greatest(known(6)),
  ]
}
