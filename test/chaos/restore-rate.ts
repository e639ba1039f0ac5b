/** Log message of `start` for a restored store, as docs/operations.md shows it. */
const ENDED = 'store restored'

interface Restored {
  /** Time of the end. */
  readonly time: string
  readonly seconds: number
  readonly total: number
}

/**
 * Changelog records per second over all stores that were restored in these lines, by the time in which any of them was; null when no
 * record was, or none that took time.
 */
export function restoreRate(lines: readonly string[]): number | null {
  const restored = lines
    .filter((line) => line.includes(ENDED))
    .map((line) => JSON.parse(line) as Restored)
    .filter(({ total }) => total > 0)
    .map(({ time, seconds, total }) => ({ to: Date.parse(time), ms: seconds * 1000, total }))
    .sort((a, b) => a.to - a.ms - (b.to - b.ms))
  let busyMs = 0
  let until = Number.NEGATIVE_INFINITY
  for (const { to, ms } of restored) {
    busyMs += Math.max(0, to - Math.max(until, to - ms))
    until = Math.max(until, to)
  }
  const records = restored.reduce((sum, { total }) => sum + total, 0)
  return busyMs > 0 ? (records / busyMs) * 1000 : null
}
