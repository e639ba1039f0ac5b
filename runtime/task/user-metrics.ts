import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type {
  Counter,
  Gauge,
  HistogramOptions,
  ProcessorMetrics,
  ValueHistogram,
} from '../../topology/processor-metrics.ts'
import type { Labels, MetricFamily } from '../ports/metrics.ts'
import { Histogram } from './histogram.ts'

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/
const MAX_SERIES = 1000
const DEFAULT_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** Label of gauges: the task that set it. */
const TASK = 'task'

const ENGINE_PREFIX = /^(process|nodejs|stream_thread)_/
const ENGINE_NAMES: ReadonlySet<string> = new Set([
  'commit_seconds',
  'commits_total',
  'dead_letters_total',
  'dropped_records_total',
  'async_call_attempts_total',
  'unanswered_calls',
  'fetches_total',
  'input_lost_records_total',
  'kafka_broker_up',
  'kafka_consumer_lag',
  'kafka_held_back_offsets',
  'misplaced_keys_total',
  'produce_batch_records',
  'produce_errors_total',
  'rebalances_total',
  'record_e2e_latency_seconds',
  'record_processing_seconds',
  'records_processed_total',
  'records_produced_total',
  'restore_records_remaining',
  'restore_records_total',
  'store_entries',
  'tasks',
  'transaction_aborts_total',
])

/** Whether the engine, or the process it runs in, has a metric of that name. */
export function isEngineMetric(name: string): boolean {
  return ENGINE_NAMES.has(name) || ENGINE_PREFIX.test(name)
}

interface Family {
  readonly type: MetricFamily['type']
  readonly help: string
  readonly labelNames: string
  readonly bounds: readonly number[]
  readonly series: Map<string, Series>
}

interface Series {
  readonly labels: Labels
  readonly value: CountedValue | Histogram
}

class CountedValue implements Counter, Gauge {
  value = 0

  add(amount = 1): void {
    if (!(amount >= 0)) throw new RangeError(`a counter only grows, by ${amount} it cannot`)
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }
}

/*
 * Owns the metrics that the processors of one stream thread have asked for.
 * 1. All series of a name have the same type, help, label names and bounds.
 * 2. Counters and histograms outlive their task; a gauge goes with it.
 * 3. A name has at most MAX_SERIES series.
 */
export class UserMetrics {
  readonly #families = new Map<string, Family>()

  /** The metrics that the processors of one task get. */
  ofTask(task: string): ProcessorMetrics {
    return {
      counter: (name, options): Counter => this.#series(name, 'counter', options) as CountedValue,
      gauge: (name, options): Gauge =>
        this.#series(name, 'gauge', { ...options, labels: { ...options.labels, [TASK]: task } }) as CountedValue,
      histogram: (name, options): ValueHistogram => this.#series(name, 'histogram', options) as Histogram,
    }
  }

  /** The task has left this thread. */
  taskClosed(task: string): void {
    for (const { type, series } of this.#families.values()) {
      if (type !== 'gauge') continue
      for (const [id, { labels }] of series) if (labels[TASK] === task) series.delete(id)
    }
  }

  snapshot(): MetricFamily[] {
    return [...this.#families].map(([name, { type, help, series }]) => {
      const all = [...series.values()]
      return {
        name,
        help,
        type,
        samples: all.flatMap(({ labels, value }) =>
          value instanceof CountedValue ? [{ labels, value: value.value }] : [],
        ),
        histograms: all.flatMap(({ labels, value }) => (value instanceof Histogram ? [value.sample(labels)] : [])),
      }
    })
  }

  #series(name: string, type: MetricFamily['type'], options: HistogramOptions): CountedValue | Histogram {
    const labels = options.labels ?? {}
    const family = this.#family(name, type, options)
    const id = JSON.stringify(Object.entries(labels).sort())
    const known = family.series.get(id)
    if (known !== undefined) return known.value
    if (family.series.size === MAX_SERIES)
      throw new StreamsTopologyError(`metric ${name} has ${MAX_SERIES} series; its labels must have fewer values`)
    const value = type === 'histogram' ? new Histogram(family.bounds) : new CountedValue()
    family.series.set(id, { labels: { ...labels }, value })
    return value
  }

  #family(name: string, type: MetricFamily['type'], options: HistogramOptions): Family {
    const { help, bounds = DEFAULT_BOUNDS } = options
    const labelNames = Object.keys(options.labels ?? {}).sort()
    const known = this.#families.get(name)
    if (known === undefined) {
      checkNames(name, labelNames)
      checkBounds(name, bounds)
      const family = { type, help, labelNames: labelNames.join(), bounds, series: new Map<string, Series>() }
      this.#families.set(name, family)
      return family
    }
    const agrees =
      known.type === type &&
      known.help === help &&
      known.labelNames === labelNames.join() &&
      known.bounds.join() === bounds.join()
    if (!agrees)
      throw new StreamsTopologyError(`metric ${name} was asked for before with another type, help, label or bound`)
    return known
  }
}

function checkNames(name: string, labels: readonly string[]): void {
  if (!NAME.test(name)) throw new StreamsTopologyError(`"${name}" is no name of a metric (letters, digits, _ and :)`)
  if (isEngineMetric(name)) throw new StreamsTopologyError(`metric ${name} is one of the engine; choose another name`)
  for (const label of labels)
    if (!LABEL.test(label)) throw new StreamsTopologyError(`metric ${name}: "${label}" is no name of a label`)
}

function checkBounds(name: string, bounds: readonly number[]): void {
  const rises = bounds.every((bound, at) => Number.isFinite(bound) && (at === 0 || bound > (bounds[at - 1] as number)))
  if (bounds.length === 0 || !rises)
    throw new StreamsTopologyError(`metric ${name}: bounds must be numbers that rise, not ${bounds.join(', ')}`)
}
