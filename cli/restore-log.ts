import type { RestoreEvent } from '../runtime/ports/instance.ts'

export const RESTORE_MESSAGES: Readonly<Record<RestoreEvent['type'], string>> = {
  start: 'restoring a store',
  progress: 'still restoring a store',
  end: 'store restored',
  wiped: 'the changelog does not reach back to this store any more: wiped, to be restored from its beginning',
}

export const RESTORE_LEVELS: Readonly<Record<RestoreEvent['type'], 'info' | 'warn'>> = {
  start: 'info',
  progress: 'info',
  end: 'info',
  wiped: 'warn',
}

/** For the log line; etaSeconds only while something is left and something came. */
export function restoreFields({ store, partition, remaining, total, recordsPerSecond, elapsedMs }: RestoreEvent) {
  const eta = remaining > 0 && recordsPerSecond > 0 ? { etaSeconds: Math.ceil(remaining / recordsPerSecond) } : {}
  return { store, partition, remaining, total, recordsPerSecond, seconds: Math.round(elapsedMs / 100) / 10, ...eta }
}
