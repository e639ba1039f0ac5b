import type { MetricFamily } from '../ports/metrics.ts'
import { summedFamilies } from './summed-families.ts'

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
    this.#shown = summedFamilies([...this.#past, ...present])
    return this.#shown
  }

  /** The present thread is gone. */
  carry(): void {
    this.#past = this.#shown.filter(({ type }) => type !== 'gauge')
  }
}
