/** What one look at the process saw. */
export interface MemorySample {
  readonly atMs: number
  readonly rssMiB: number
  /** Main thread. */
  readonly heapMiB: number
  /** All stream threads. */
  readonly threadHeapMiB: number
  readonly openFiles: number
  readonly processed: number
  readonly lag: number
}

export interface Phase {
  readonly fromMs: number
  readonly toMs: number
  readonly samples: readonly MemorySample[]
}

/** Equal parts of the whole time. */
export function phases(samples: readonly MemorySample[], count: number): readonly Phase[] {
  const end = samples.at(-1)?.atMs ?? 0
  return Array.from({ length: count }, (_, i) => {
    const [fromMs, toMs] = [(end * i) / count, (end * (i + 1)) / count]
    const isLast = i === count - 1
    return { fromMs, toMs, samples: samples.filter(({ atMs }) => atMs >= fromMs && (isLast || atMs < toMs)) }
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/**
 * How much larger the median of the last third is than that of the middle third, as a share. In the first third caches fill and
 * code is compiled.
 */
export function growth(samples: readonly MemorySample[], of: (sample: MemorySample) => number): number {
  const [, middle, last] = phases(samples, 3).map((phase) => median(phase.samples.map(of)))
  return (last ?? Number.NaN) / (middle ?? Number.NaN) - 1
}
