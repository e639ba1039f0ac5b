/** Describes one metric of a processor. All calls with the same name must agree on everything but the labels' values. */
export interface MetricOptions {
  /** One line for whoever reads /metrics. */
  readonly help: string
  /** Few values each: every combination is a series of its own, and a metric has at most 1,000 per stream thread. */
  readonly labels?: Readonly<Record<string, string>>
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds of the buckets, ascending. Default: seconds from a millisecond to a minute. */
  readonly bounds?: readonly number[]
}

/** Only grows. The tasks of all threads are added up. Records of an aborted commit count again, as in Kafka Streams. */
export interface Counter {
  add(amount?: number): void
}

/** A number that goes up and down. Each task has its own: the label `task` is added. */
export interface Gauge {
  set(value: number): void
}

/** Counts values by bucket. The tasks of all threads are added up. */
export interface ValueHistogram {
  observe(value: number): void
}

/**
 * Metrics of a processor's own, beside those of the engine in `metrics()` and `GET /metrics`. Ask for them in init() and keep them:
 * the calls on them are cheap, these are not.
 *
 * @throws StreamsTopologyError for a name that Prometheus refuses or the engine has, for calls that disagree, and for the 1,001st
 * series of a metric
 */
export interface ProcessorMetrics {
  counter(name: string, options: MetricOptions): Counter
  gauge(name: string, options: MetricOptions): Gauge
  histogram(name: string, options: HistogramOptions): ValueHistogram
}
