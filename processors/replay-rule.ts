import { type ReplayRule, TABLE_RULE } from '../topology/index.ts'

/** For sums: a row that counts nothing equals an absent row. Which of the two exists depends on the timing of commits. */
export function sumsRule(isEmpty: (value: Buffer) => boolean): ReplayRule {
  const nothing = (value: Buffer | null): boolean => value === null || isSafely(isEmpty, value)
  return {
    isTable: true,
    correction: (row) => (nothing(row.rebuilt) && nothing(row.found) ? undefined : TABLE_RULE.correction(row)),
  }
}

export const jsonOf = <T>(value: Buffer): T => JSON.parse(value.toString('utf8')) as T

/** Parses JSON that any program may have written; null when it is not JSON. */
export function jsonIn<T>(value: Buffer): T | null {
  try {
    return jsonOf<T | null>(value)
  } catch {
    // Not JSON: it says nothing.
    return null
  }
}

function isSafely(test: (value: Buffer) => boolean, value: Buffer): boolean {
  try {
    return test(value)
  } catch {
    // No row of ours: it differs.
    return false
  }
}
