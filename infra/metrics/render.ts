import {
  AggregatorRegistry,
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client'
import type { HistogramSample, MetricFamily } from '../../runtime/ports/metrics.ts'

/** Prometheus' text exposition format. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

type PromValue = MetricValue<string> & { metricName?: string }
type PromMetric = MetricObjectWithValues<PromValue>

/** Adds up families of several threads (same name and labels = one line) and renders them as Prometheus text. */
export function renderFamilies(families: readonly MetricFamily[]): Promise<string> {
  return AggregatorRegistry.aggregate([families.map(promMetric)]).metrics()
}

/** The metrics of this Node process (CPU, memory, event loop, garbage collection). One per process. */
export class ProcessMetrics {
  readonly #registry = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
  }

  render(): Promise<string> {
    return this.#registry.metrics()
  }
}

/** Everything GET /metrics answers. */
export async function renderMetrics(families: readonly MetricFamily[], process: ProcessMetrics): Promise<string> {
  const parts = await Promise.all([renderFamilies(families), process.render()])
  return parts.join('\n')
}

function promMetric(family: MetricFamily): PromMetric {
  const values: PromValue[] = family.samples.map(({ labels, value }) => ({ labels: { ...labels }, value }))
  for (const sample of family.histograms) values.push(...histogramValues(family.name, sample))
  // The generic type of prom-client knows no metricName, but its renderer and its own histograms use it.
  return { name: family.name, help: family.help, type: family.type, values, aggregator: 'sum' } as unknown as PromMetric
}

/** Buckets become cumulative, as Prometheus wants them. */
function histogramValues(name: string, { labels, bounds, counts, sum }: HistogramSample): PromValue[] {
  let seen = 0
  const buckets = counts.map((count, index): PromValue => {
    seen += count
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[index] ?? '+Inf' }, value: seen }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { ...labels }, value: sum },
    { metricName: `${name}_count`, labels: { ...labels }, value: seen },
  ]
}
