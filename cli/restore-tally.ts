import type { RestoreProgress, TaskStatus } from '../runtime/index.ts'
import { groupedBy } from '../state/index.ts'

/** How far a restore is, in changelog records. */
export interface Restored {
  readonly done: number
  readonly total: number
  readonly recordsPerSecond: number
  /** Null while nothing comes. */
  readonly etaSeconds: number | null
}

export interface RestoreSummary extends Restored {
  /** By store, over all partitions, in the order they began. */
  readonly stores: ReadonlyMap<string, Restored>
}

/*
 * Owns what was seen of restores since none was under way.
 * 1. A restore that is no longer reported has ended: it counts as done, so that totals do not shrink.
 */
export class RestoreTally {
  readonly #seen = new Map<string, RestoreProgress>()

  /** Null when nothing restores. */
  update(tasks: readonly TaskStatus[]): RestoreSummary | null {
    const restoring = tasks.filter(({ state }) => state === 'restoring')
    if (restoring.length === 0) this.#seen.clear()
    const now = new Map(
      restoring.flatMap(({ restore }) => restore).map((read) => [`${read.store}-${read.partition}`, read]),
    )
    for (const [key, read] of this.#seen) {
      if (!now.has(key)) this.#seen.set(key, { ...read, remaining: 0, recordsPerSecond: 0 })
    }
    for (const [key, read] of now) this.#seen.set(key, read)
    if (this.#seen.size === 0) return null
    const reads = [...this.#seen.values()]
    const stores = [...groupedBy(reads, ({ store }) => store)].map(([store, some]) => [store, sumOf(some)] as const)
    return { ...sumOf(reads), stores: new Map(stores) }
  }
}

function sumOf(reads: readonly RestoreProgress[]): Restored {
  const sum = (of: (read: RestoreProgress) => number): number => reads.reduce((total, read) => total + of(read), 0)
  const remaining = sum((read) => read.remaining)
  const total = sum((read) => Math.max(read.total, read.remaining))
  const recordsPerSecond = sum((read) => (read.remaining > 0 ? read.recordsPerSecond : 0))
  const etaSeconds = remaining === 0 ? 0 : recordsPerSecond > 0 ? Math.ceil(remaining / recordsPerSecond) : null
  return { done: total - remaining, total, recordsPerSecond, etaSeconds }
}
