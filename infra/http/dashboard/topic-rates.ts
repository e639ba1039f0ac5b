import type { MetricFamily } from '../../../runtime/ports/metrics.ts'
import type { Plan } from '../../../topology/plan.ts'
import { totalBy } from '../../metrics/read.ts'
import type { TopicRate } from './sections/index.ts'

interface Reading {
  /** Monotonic ms. */
  readonly at: number
  readonly read: ReadonlyMap<string, number>
  readonly written: ReadonlyMap<string, number>
}

/** Nobody watched in the meantime: the rate over such a time says nothing about now. */
const LONGEST_MS = 5000

/** Turns the counters of an instance into rates by topic. Owns the previous reading, which they are differences to. */
export class TopicRates {
  readonly #monotonic: () => number
  #before: Reading | null = null

  /** @param monotonic ms */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
  }

  /** Empty at the first reading. Names are as in GET /topology: internal topics without the application id. */
  read(plan: Plan | null, metrics: readonly MetricFamily[]): readonly TopicRate[] {
    const now: Reading = {
      at: this.#monotonic(),
      read: totalBy(metrics, 'records_processed_total', 'topic'),
      written: totalBy(metrics, 'records_produced_total', 'topic'),
    }
    const before = this.#before
    this.#before = now
    if (before === null || now.at <= before.at || now.at - before.at > LONGEST_MS) return []
    const seconds = (now.at - before.at) / 1000
    // Counters start at 0 again when a stream thread does.
    const rate = (of: 'read' | 'written', topic: string): number =>
      Math.max(0, (now[of].get(topic) ?? 0) - (before[of].get(topic) ?? 0)) / seconds
    const isInternal = new Set(plan?.internalTopics.map(({ name }) => name))
    const shown = (topic: string): string =>
      plan !== null && isInternal.has(topic) ? topic.slice(plan.applicationId.length + 1) : topic
    const topics = new Set([...now.read.keys(), ...now.written.keys()])
    return [...topics].map((topic) => [shown(topic), rate('read', topic), rate('written', topic)])
  }
}
