/**
 * Table operators forward the new and the old value of a key (null = absent). `oldValue` is null when no downstream operator
 * asked for old values, whether or not there was one.
 */
export interface Change<V> {
  readonly newValue: V | null
  readonly oldValue: V | null
  /** False for a late update of a versioned table: the key has a newer version already. */
  readonly isLatest: boolean
}

export function change<V>(newValue: V | null, oldValue: V | null, isLatest = true): Change<V> {
  return { newValue, oldValue, isLatest }
}
