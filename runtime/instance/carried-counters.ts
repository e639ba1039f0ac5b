import type { HistogramSample, Labels, MetricFamily } from '../ports/metrics.ts'

/*
 * Owns what threads that are gone have counted, so that their successor's metrics go on from there.
 * 1. Counters and histograms that have been shown never go back. What a thread counted after the last look at it is lost with it.
 * 2. Gauges are those of the present thread alone.
 */
export class CarriedCounters {
  #past: readonly MetricFamily[] = []
  #shown: readonly MetricFamily[] = []

  /** Adds the counts of earlier threads to those of the present one. */
  plus(present: readonly MetricFamily[]): readonly MetricFamily[] {
    const names = new Set([...this.#past, ...present].map(({ name }) => name))
    this.#shown = [...names].map((name) =>
      sumOf([...this.#past, ...present].filter((family) => family.name === name) as [MetricFamily, ...MetricFamily[]]),
    )
    return this.#shown
  }

  /** The present thread is gone. */
  carry(): void {
    this.#past = this.#shown.filter(({ type }) => type !== 'gauge')
  }
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
