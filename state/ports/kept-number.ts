/**
 * A number that only grows, kept with a store (StoreSpec.keptNumbers): it changes with the commit or not at all, and it is
 * there again wherever the store is: after a restart, on a standby, after a restore from the changelog.
 */
export interface KeptNumber {
  /** -1 before the first. */
  readonly value: number
  /** Ignores a value that is not greater. `to` is a safe integer. */
  advance(to: number): void
}

/** Limit of numbers per store, because all of them are in one record of its changelog. */
export const MAX_KEPT_NUMBERS = 100
/** The names that a number may have. */
export const KEPT_NAME = /^[a-z][a-z0-9-]{0,39}$/
