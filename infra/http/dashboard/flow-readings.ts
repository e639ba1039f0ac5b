import { isCutOff, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import type { HistogramSample, MetricFamily } from '../../../runtime/ports/metrics.ts'
import type { Plan } from '../../../topology/plan.ts'
import { difference, mergedHistogram, quantile, total, totalBy } from '../../metrics/read.ts'
import type { Flow, Quantiles } from './sections/index.ts'

interface Reading {
  /** Monotonic ms. */
  readonly at: number
  readonly records: number
  readonly inputRecords: number
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

  read(instance: Pick<StreamsInstance, 'state' | 'brokers' | 'plan'>, metrics: readonly MetricFamily[]): Flow {
    const reach = instance.brokers()
    const now: Reading = {
      at: this.#monotonic(),
      records: total(metrics, 'records_processed_total'),
      inputRecords: inputRecords(instance.plan(), metrics),
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
      recordsPerSecond: ratePerSecond('records', now, before),
      records: now.records,
      inputPerSecond: ratePerSecond('inputRecords', now, before),
      inputRecords: now.inputRecords,
      lag: known(metrics, 'kafka_consumer_lag'),
      endToEnd: recentQuantiles(now.endToEnd, before?.endToEnd),
      commit: recentQuantiles(now.commit, before?.commit),
      commits: total(metrics, 'commits_total'),
      aborts: total(metrics, 'transaction_aborts_total'),
    }
  }
}

/** Null without a sample: a number that nobody tells is not 0. */
function known(metrics: readonly MetricFamily[], name: string): number | null {
  return metrics.some((family) => family.name === name && family.samples.length > 0) ? total(metrics, name) : null
}

function inputRecords(plan: Plan | null, metrics: readonly MetricFamily[]): number {
  const isInternal = new Set(plan?.internalTopics.map(({ name }) => name))
  let sum = 0
  for (const [topic, records] of totalBy(metrics, 'records_processed_total', 'topic')) {
    if (!isInternal.has(topic)) sum += records
  }
  return sum
}

/** Counters start at 0 again when a stream thread does. */
function ratePerSecond(of: 'records' | 'inputRecords', now: Reading, before: Reading | null): number | null {
  if (before === null || now.at <= before.at) return null
  return (Math.max(0, now[of] - before[of]) * 1000) / (now.at - before.at)
}

function recentQuantiles(now: HistogramSample | null, before: HistogramSample | null | undefined): Quantiles {
  if (now === null) return { p50: null, p99: null, most: 0 }
  const recent = difference(now, before ?? null)
  return { p50: quantile(recent, 0.5), p99: quantile(recent, 0.99), most: now.bounds.at(-1) ?? 0 }
}
