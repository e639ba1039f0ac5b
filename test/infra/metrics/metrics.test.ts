import { describe, expect, it } from 'vitest'
import { difference, mergedHistogram, quantile, total, totalBy } from '../../../infra/metrics/read.ts'
import { ProcessMetrics, renderFamilies, renderMetrics } from '../../../infra/metrics/render.ts'
import type { HistogramSample, MetricFamily } from '../../../runtime/ports/metrics.ts'

function counter(name: string, samples: Array<[Record<string, string>, number]>): MetricFamily {
  const rows = samples.map(([labels, value]) => ({ labels, value }))
  return { name, help: `Help of ${name}`, type: 'counter', samples: rows, histograms: [] }
}

function histogram(name: string, ...histograms: HistogramSample[]): MetricFamily {
  return { name, help: `Help of ${name}`, type: 'histogram', samples: [], histograms }
}

describe('renderFamilies', () => {
  it('adds up the threads by name and labels', async () => {
    const text = await renderFamilies([
      counter('records_processed_total', [
        [{ topic: 'trip.requested' }, 3],
        [{ topic: 'trip.completed' }, 1],
      ]),
      counter('records_processed_total', [[{ topic: 'trip.requested' }, 4]]),
      { ...counter('store_entries', [[{ store: 'trip-state' }, 7]]), type: 'gauge' },
    ])
    expect(text).toBe(`# HELP records_processed_total Help of records_processed_total
# TYPE records_processed_total counter
records_processed_total{topic="trip.requested"} 7
records_processed_total{topic="trip.completed"} 1

# HELP store_entries Help of store_entries
# TYPE store_entries gauge
store_entries{store="trip-state"} 7
`)
  })

  it('renders histograms with cumulative buckets, sum and count', async () => {
    const one = { labels: {}, bounds: [0.1, 1], counts: [2, 1, 1], sum: 6.5 }
    const text = await renderFamilies([histogram('commit_seconds', one), histogram('commit_seconds', one)])
    expect(text).toBe(`# HELP commit_seconds Help of commit_seconds
# TYPE commit_seconds histogram
commit_seconds_bucket{le="0.1"} 4
commit_seconds_bucket{le="1"} 6
commit_seconds_bucket{le="+Inf"} 8
commit_seconds_sum 13
commit_seconds_count 8
`)
  })

  it('escapes label values', async () => {
    const text = await renderFamilies([counter('x_total', [[{ reason: 'a "b"\\\n' }, 1]])])
    expect(text).toContain('x_total{reason="a \\"b\\"\\\\\\n"} 1')
  })
})

it('renderMetrics appends the metrics of the Node process', async () => {
  const text = await renderMetrics([counter('commits_total', [[{}, 2]])], new ProcessMetrics())
  expect(text).toMatch(/^commits_total 2$/m)
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m)
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m)
})

describe('readings of families', () => {
  const families = [
    counter('dead_letters_total', [
      [{ topic: 'a', reason: 'json' }, 2],
      [{ topic: 'b', reason: 'json' }, 3],
    ]),
    counter('dead_letters_total', [[{ topic: 'a', reason: 'schema' }, 5]]),
  ]

  it('give totals, overall and by label', () => {
    expect(total(families, 'dead_letters_total')).toBe(10)
    expect(total(families, 'absent_total')).toBe(0)
    expect([...totalBy(families, 'dead_letters_total', 'topic')]).toEqual([
      ['a', 7],
      ['b', 3],
    ])
  })

  it('interpolate quantiles within their bucket', () => {
    const of = (...counts: number[]) => ({ labels: {}, bounds: [1, 2, 4], counts, sum: 0 })
    expect(quantile(of(0, 0, 0, 0), 0.5)).toBeNull()
    expect(quantile(of(10, 0, 0, 0), 0.5)).toBe(0.5)
    expect(quantile(of(5, 0, 5, 0), 0.5)).toBe(1)
    expect(quantile(of(5, 0, 5, 0), 0.75)).toBe(3)
    expect(quantile(of(0, 0, 0, 3), 0.99)).toBe(4)
  })

  it('merge threads and subtract an earlier snapshot', () => {
    const at = (counts: number[], sum: number) => ({ labels: {}, bounds: [1], counts, sum })
    const now = mergedHistogram([histogram('h', at([3, 1], 4)), histogram('h', at([1, 1], 3))], 'h')
    expect(now).toEqual(at([4, 2], 7))
    expect(difference(at([4, 2], 7), at([1, 2], 5))).toEqual(at([3, 0], 2))
    expect(mergedHistogram([], 'h')).toBeNull()
  })
})
