import { isCutOff, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import type { HistogramSample, MetricFamily } from '../../../runtime/ports/metrics.ts'
import { difference, mergedHistogram, quantile, total, totalBy } from '../../metrics/read.ts'
import type { Flow, Quantiles } from './sections/index.ts'

interface Reading {
  /** Monotonic ms. */
  readonly at: number
  readonly records: number
  readonly endToEnd: HistogramSample | null
  readonly commit: HistogramSample | null
}

/** Turns the metrics of an instance into rates and recent latencies. Owns the previous reading, which they are differences to. */
export class FlowReadings {
  readonly #monotonic: () => number
  #before: Reading | null = null

  /** @param monotonic ms */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
  }

  read(instance: Pick<StreamsInstance, 'state' | 'brokers'>, metrics: readonly MetricFamily[]): Flow {
    const reach = instance.brokers()
    const now: Reading = {
      at: this.#monotonic(),
      records: total(metrics, 'records_processed_total'),
      endToEnd: mergedHistogram(metrics, 'record_e2e_latency_seconds'),
      commit: mergedHistogram(metrics, 'commit_seconds'),
    }
    const before = this.#before
    this.#before = now
    return {
      at: Date.now(),
      state: instance.state(),
      silentBrokers: reach.silent.map(({ broker }) => broker),
      isCutOff: isCutOff(reach),
      recordsPerSecond: ratePerSecond(now, before),
      records: now.records,
      lag: known(metrics, 'kafka_consumer_lag'),
      endToEnd: recentQuantiles(now.endToEnd, before?.endToEnd),
      commit: recentQuantiles(now.commit, before?.commit),
      commits: total(metrics, 'commits_total'),
      aborts: total(metrics, 'transaction_aborts_total'),
      deadLetters: total(metrics, 'dead_letters_total'),
      deadLettersByReason: [...totalBy(metrics, 'dead_letters_total', 'reason')].sort(([, a], [, b]) => b - a),
    }
  }
}

/** Null without a sample: a number that nobody tells is not 0. */
function known(metrics: readonly MetricFamily[], name: string): number | null {
  return metrics.some((family) => family.name === name && family.samples.length > 0) ? total(metrics, name) : null
}

/** Counters start at 0 again when a stream thread does. */
function ratePerSecond(now: Reading, before: Reading | null): number | null {
  if (before === null || now.at <= before.at) return null
  return (Math.max(0, now.records - before.records) * 1000) / (now.at - before.at)
}

function recentQuantiles(now: HistogramSample | null, before: HistogramSample | null | undefined): Quantiles {
  if (now === null) return { p50: null, p99: null, most: 0 }
  const recent = difference(now, before ?? null)
  return { p50: quantile(recent, 0.5), p99: quantile(recent, 0.99), most: now.bounds.at(-1) ?? 0 }
}
