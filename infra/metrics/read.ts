import type { HistogramSample, MetricFamily } from '../../runtime/ports/metrics.ts'

/** Sum of all samples of a counter or gauge; 0 when the family is absent. */
export function total(families: readonly MetricFamily[], name: string): number {
  let sum = 0
  for (const family of families) if (family.name === name) for (const sample of family.samples) sum += sample.value
  return sum
}

/** Sums per value of one label. */
export function totalBy(families: readonly MetricFamily[], name: string, label: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const family of families) {
    if (family.name !== name) continue
    for (const { labels, value } of family.samples) {
      const key = labels[label] ?? ''
      sums.set(key, (sums.get(key) ?? 0) + value)
    }
  }
  return sums
}

/** All histograms of a family added up; null when there is none. Families of one name share their bounds. */
export function mergedHistogram(families: readonly MetricFamily[], name: string): HistogramSample | null {
  const all = families.filter((family) => family.name === name).flatMap((family) => family.histograms)
  const first = all[0]
  if (first === undefined) return null
  return {
    labels: {},
    bounds: first.bounds,
    counts: first.counts.map((_, bucket) => all.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0)),
    sum: all.reduce((sum, histogram) => sum + histogram.sum, 0),
  }
}

/** The observations between two snapshots of the same histogram. */
export function difference(now: HistogramSample, before: HistogramSample | null): HistogramSample {
  if (before === null) return now
  return {
    ...now,
    counts: now.counts.map((count, bucket) => count - (before.counts[bucket] ?? 0)),
    sum: now.sum - before.sum,
  }
}

/**
 * Quantile q (0..1), interpolated linearly inside its bucket as Prometheus' histogram_quantile does; the last bound
 * when it lies beyond; null without observations.
 */
export function quantile({ bounds, counts }: HistogramSample, q: number): number | null {
  const observations = counts.reduce((sum, count) => sum + count, 0)
  if (observations === 0) return null
  const rank = q * observations
  let seen = 0
  for (const [bucket, count] of counts.entries()) {
    const upper = bounds[bucket]
    if (upper === undefined) break
    if (count > 0 && seen + count >= rank) {
      const lower = bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0)
      return lower + (upper - lower) * Math.max(0, (rank - seen) / count)
    }
    seen += count
  }
  return bounds.at(-1) ?? null
}
