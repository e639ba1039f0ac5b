import type { HistogramSample, Labels, MetricFamily } from '../ports/metrics.ts'

/** One family per name, and in it one sample per set of labels: the sum. Prometheus takes a series once only. */
export function summedFamilies(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = new Map<string, [MetricFamily, ...MetricFamily[]]>()
  for (const family of families) {
    const same = byName.get(family.name)
    if (same === undefined) byName.set(family.name, [family])
    else same.push(family)
  }
  return [...byName.values()].map(sumOf)
}

function sumOf(families: readonly [MetricFamily, ...MetricFamily[]]): MetricFamily {
  const samples = new Map<string, { readonly labels: Labels; readonly value: number }>()
  const histograms = new Map<string, HistogramSample>()
  for (const family of families) {
    for (const { labels, value } of family.samples) {
      const id = JSON.stringify(labels)
      samples.set(id, { labels, value: (samples.get(id)?.value ?? 0) + value })
    }
    for (const histogram of family.histograms) {
      const id = JSON.stringify(histogram.labels)
      const before = histograms.get(id)
      const counts = histogram.counts.map((count, i) => count + (before?.counts[i] ?? 0))
      histograms.set(id, { ...histogram, counts, sum: histogram.sum + (before?.sum ?? 0) })
    }
  }
  return { ...families[0], samples: [...samples.values()], histograms: [...histograms.values()] }
}
