import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { Windowed } from '../../state/ports/stores.ts'

/**
 * The key as the rows of a window or session store have it; null when it is no `{ key, window }`, or the store has no windows.
 * When the inner keys are windowed themselves, the outer window is meant.
 */
export function windowedKey({ kind, keySerde }: StoreSpec, key: unknown): Windowed<unknown> | null {
  if (kind !== 'window' && kind !== 'session') return null
  if (!isWindowed(key)) return null
  return 'inner' in keySerde && !isWindowed(key.key) ? null : key
}

function isWindowed(value: unknown): value is Windowed<unknown> {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('window' in value)) return false
  const { window } = value
  return (
    typeof window === 'object' &&
    window !== null &&
    'start' in window &&
    'end' in window &&
    typeof window.start === 'number' &&
    typeof window.end === 'number'
  )
}
