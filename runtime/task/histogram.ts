import type { HistogramSample, Labels } from '../ports/metrics.ts'

/** Counts observations into fixed buckets with plain numbers. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  /** @param times how often this value counts (a sample that stands for several) */
  observe(value: number, times = 1): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + times
    this.#sum += value * times
  }

  sample(labels: Labels = {}): HistogramSample {
    return { labels, bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum }
  }
}
