/** One sample of the process's memory. */
export interface MemorySample {
  readonly atMs: number
  readonly rssMiB: number
  /**
   * Anonymous memory of this process alone. The rest are files: the program itself, and LevelDB's tables, which the kernel may
   * reclaim.
   */
  readonly anonMiB: number
  readonly fileMiB: number
  /** JavaScript heaps of all threads: in use, and held. */
  readonly heapMiB: number
  readonly heldHeapMiB: number
  /** Buffers of all threads; 32 MiB of each thread are H3's, which hardly touches them. */
  readonly externalMiB: number
  /** Resident heaps of the C library: LevelDB's memory, and most buffers. */
  readonly cHeapsMiB: number
  readonly openFiles: number
  readonly processed: number
  readonly lag: number
}

/** glibc's heaps beside the first begin at multiples of this. */
const ARENA_ALIGNMENT = 64n * 1024n * 1024n

/** From /proc/PID/smaps: the first heap, and anonymous mappings that begin where glibc's other ones do. */
export function cHeapsMiB(smaps: string): number {
  let isHeap = false
  let kib = 0
  for (const line of smaps.split('\n')) {
    const [, start, name] = /^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/.exec(line) ?? []
    if (start !== undefined) {
      isHeap = name === '[heap]' || (name === '' && BigInt(`0x${start}`) % ARENA_ALIGNMENT === 0n)
    } else if (isHeap && line.startsWith('Rss:')) kib += Number(/\d+/.exec(line)?.[0])
  }
  return kib / 1024
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
