export type Labels = Readonly<Record<string, string>>

export interface HistogramSample {
  readonly labels: Labels
  /** Upper bounds, ascending, without +Inf. */
  readonly bounds: readonly number[]
  /** Observations per bucket (not cumulative); one more than bounds, the last is +Inf. */
  readonly counts: readonly number[]
  readonly sum: number
}

/**
 * One metric at one moment, as plain data that crosses worker borders. Stream threads count in plain numbers, the instance adds them
 * up, and infra/metrics renders Prometheus text. Names: docs/monitoring.md.
 */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: ReadonlyArray<{ readonly labels: Labels; readonly value: number }>
  readonly histograms: readonly HistogramSample[]
}
