import type { FedLedger } from './fed-ledger.ts'

/** The committed offset of a partition moved. */
export interface Advance {
  readonly at: number
  readonly offset: number
}

/** A time in which records of a partition waited and nothing of it was committed. */
export interface Wait {
  readonly partition: string
  readonly from: number
  readonly to: number
}

/** Between two commits of a healthy instance; what began so shortly before a fault is the fault's. */
const BEAT_MS = 300

/** Waits of one partition that are over. Its group committed nothing before `since`. */
export function waitsOf(
  partition: string,
  advances: readonly Advance[],
  fed: FedLedger,
  since: number,
): readonly Wait[] {
  const waits: Wait[] = []
  let last: Advance = { at: since, offset: 0 }
  for (const advance of advances) {
    const due = fed.dueAt(partition, last.offset)
    if (due !== null) waits.push({ partition, from: Math.max(last.at, due), to: advance.at })
    last = advance
  }
  return waits
}

/** How long the oldest record that is not committed has waited without any commit, ms; 0 when none waits. */
export function openWait(
  partition: string,
  advances: readonly Advance[],
  fed: FedLedger,
  since: number,
  now: number,
): number {
  const last = advances.at(-1) ?? { at: since, offset: 0 }
  const due = fed.dueAt(partition, last.offset)
  return due === null ? 0 : Math.max(0, now - Math.max(last.at, due))
}

/** The longest of the waits that began between the two times, counted from `from` at the earliest, ms. */
export function longestWait(waits: readonly Wait[], from: number, to: number): number {
  let longest = 0
  for (const wait of waits) {
    const began = wait.from + BEAT_MS
    if (began >= from && began < to) longest = Math.max(longest, wait.to - Math.max(wait.from, from))
  }
  return longest
}

/** The longest remaining time at `repaired` of waits that began between the two times, ms. */
export function longestRest(waits: readonly Wait[], from: number, repaired: number): number {
  const begun = waits.filter((wait) => wait.from + BEAT_MS >= from && wait.from < repaired)
  return begun.reduce((longest, wait) => Math.max(longest, wait.to - repaired), 0)
}

/** Nearest rank; null without values. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}
