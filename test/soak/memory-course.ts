/** What one look at the process saw. */
export interface MemorySample {
  readonly atMs: number
  readonly rssMiB: number
  /** Of that: nobody else's. What is left are files: the program itself, and LevelDB's tables, which the kernel may take back. */
  readonly anonMiB: number
  readonly fileMiB: number
  /** JavaScript heaps of all threads: in use, and held. */
  readonly heapMiB: number
  readonly heldHeapMiB: number
  /** Buffers of all threads. */
  readonly externalMiB: number
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

const BARS = '▁▂▃▄▅▆▇█'

/** Medians of `width` equal parts of the time, from the lowest to the highest. */
export function sparkline(
  samples: readonly MemorySample[],
  width: number,
  of: (sample: MemorySample) => number,
): string {
  const values = phases(samples, width).flatMap(({ samples: some }) => (some.length > 0 ? [median(some.map(of))] : []))
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const bar = (value: number) => BARS[Math.round(((value - low) / (high - low || 1)) * (BARS.length - 1))]
  return `${low.toFixed(0)} ${values.map(bar).join('')} ${high.toFixed(0)}`
}
