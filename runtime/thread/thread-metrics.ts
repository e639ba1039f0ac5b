import type { MetricFamily } from '../ports/metrics.ts'
import { Histogram } from '../task/histogram.ts'
import { UserMetrics } from '../task/user-metrics.ts'

/** Seconds; spans a record in microseconds to a restore in minutes. */
const TIME_BOUNDS = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  2.5, 5, 10, 60, 600,
]
const SIZE_BOUNDS = [1, 10, 100, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000]

/** Counters by one label, without allocation on the hot path. */
export class LabelledCounter {
  readonly #values = new Map<string, number>()

  add(label: string, amount = 1): void {
    this.#values.set(label, (this.#values.get(label) ?? 0) + amount)
  }

  addAll(other: LabelledCounter): void {
    for (const [label, amount] of other.entries()) this.add(label, amount)
  }

  get total(): number {
    let total = 0
    for (const value of this.#values.values()) total += value
    return total
  }

  entries(): IterableIterator<[string, number]> {
    return this.#values.entries()
  }

  /** Returns the counts since the last take. */
  take(): ReadonlyArray<readonly [string, number]> {
    const taken = [...this.#values]
    this.#values.clear()
    return taken
  }
}

/**
 * Owns the numbers of one stream thread. Plain data: snapshot() crosses to the main thread, which adds
 * threads up and renders them (infra/metrics). What they mean: docs/monitoring.md.
 */
export class ThreadMetrics {
  readonly recordsProcessed = new LabelledCounter()
  readonly recordsProduced = new LabelledCounter()
  readonly dropped = new LabelledCounter()
  /** Seen in samples of each fetch. By topic. */
  readonly misplacedKeys = new LabelledCounter()
  /** Label `topic\u0000partition`. */
  readonly inputLost = new LabelledCounter()
  /** Attempts of calls, by `node\u0000outcome`. */
  readonly callAttempts = new LabelledCounter()
  /** Changelog records that reached a store, standbys included. By store. */
  readonly restored = new LabelledCounter()
  /** Label `topic\u0000reason`. */
  readonly deadLetters = new LabelledCounter()
  /** Every record of a slice counts with the slice's mean. */
  readonly recordProcessing = new Histogram(TIME_BOUNDS)
  /** From record timestamp to commit. A sample counts for all records of its slice (runtime/commit/epoch.ts). */
  readonly endToEnd = new Histogram(TIME_BOUNDS)
  readonly commitSeconds = new Histogram(TIME_BOUNDS)
  readonly batchRecords = new Histogram(SIZE_BOUNDS)
  /** Metrics that processors have asked for. */
  readonly user = new UserMetrics()
  commits = 0
  aborts = 0
  produceErrors = 0
  fetches = 0

  snapshot(): MetricFamily[] {
    return [
      byLabel(
        'records_processed_total',
        'Records processed, by source topic; those of an aborted commit count again',
        'topic',
        this.recordsProcessed,
      ),
      byLabel('records_produced_total', 'Records produced in settled commits, by topic', 'topic', this.recordsProduced),
      byLabel(
        'restore_records_total',
        'Changelog records applied to stores, by restore or for a standby',
        'store',
        this.restored,
      ),
      byLabel('dropped_records_total', 'Records dropped on purpose, by reason', 'reason', this.dropped),
      byLabel(
        'misplaced_keys_total',
        "Records seen in another partition than Kafka's default partitioner puts their key, in samples of each fetch",
        'topic',
        this.misplacedKeys,
      ),
      {
        name: 'input_lost_records_total',
        help: 'Offsets of source partitions that were removed before they were processed',
        type: 'counter',
        samples: [...this.inputLost.entries()].map(([label, value]) => {
          const [topic = '', partition = ''] = label.split('\u0000')
          return { labels: { topic, partition }, value }
        }),
        histograms: [],
      },
      {
        name: 'dead_letters_total',
        help: 'Dead letters of settled commits, by source topic and reason',
        type: 'counter',
        samples: [...this.deadLetters.entries()].map(([label, value]) => {
          const [topic = '', reason = ''] = label.split('\u0000')
          return { labels: { topic, reason }, value }
        }),
        histograms: [],
      },
      {
        name: 'async_call_attempts_total',
        help: 'Attempts of calls that have ended, by node and outcome',
        type: 'counter',
        samples: [...this.callAttempts.entries()].map(([label, value]) => {
          const [node = '', outcome = ''] = label.split('\u0000')
          return { labels: { node, outcome }, value }
        }),
        histograms: [],
      },
      single('commits_total', 'Commits settled', 'counter', this.commits),
      single('transaction_aborts_total', 'Commits that failed or whose outcome was unknown', 'counter', this.aborts),
      single('produce_errors_total', 'Errors of the writer', 'counter', this.produceErrors),
      single('fetches_total', 'Polls that brought news', 'counter', this.fetches),
      histogram('record_processing_seconds', 'Processing time of a record (sampled by slice)', this.recordProcessing),
      histogram('record_e2e_latency_seconds', 'Event time of a record to its commit (sampled)', this.endToEnd),
      histogram('commit_seconds', 'Time from the freeze of an epoch to its settled commit', this.commitSeconds),
      histogram('produce_batch_records', 'Records per commit', this.batchRecords),
      ...this.user.snapshot(),
    ]
  }
}

function byLabel(name: string, help: string, label: string, counter: LabelledCounter): MetricFamily {
  const samples = [...counter.entries()].map(([key, value]) => ({ labels: { [label]: key }, value }))
  return { name, help, type: 'counter', samples, histograms: [] }
}

function single(name: string, help: string, type: 'counter' | 'gauge', value: number): MetricFamily {
  return { name, help, type, samples: [{ labels: {}, value }], histograms: [] }
}

function histogram(name: string, help: string, values: Histogram): MetricFamily {
  return { name, help, type: 'histogram', samples: [], histograms: [values.sample()] }
}
