/**
 * Last epoch ms that a Date can tell (ECMA-262, "Time Values and Time Range"). Sums of a time and the size of a window stay
 * exact up to here, so no loop over windows can stand still.
 */
export const MAX_TIMESTAMP = 8.64e15

/** True for a whole number of ms from the epoch to MAX_TIMESTAMP: what a record, a window or a row may carry. */
export function isTimestamp(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TIMESTAMP
}

/** Describes a wrong timestamp and what is expected. */
export function timestampProblem(value: unknown): string {
  return `${shown(value)} is not a timestamp: it must be a whole number of milliseconds from 0 to ${MAX_TIMESTAMP}`
}

function shown(value: unknown): string {
  if (value instanceof Promise) return 'a promise'
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 50)) : String(value)
}
