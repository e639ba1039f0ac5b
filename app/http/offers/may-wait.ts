import type { Routed } from '../../../infra/http/index.ts'

/**
 * Whether the trip of an answer from the store trip-state may still wait for a driver. A standby without the trip lags behind its
 * request: the offer stays, for nobody would bring it back.
 */
export function mayWait({ result, role }: Pick<Routed<string | null>, 'result' | 'role'>): boolean {
  if (result === null) return role === 'standby'
  return (JSON.parse(result) as { readonly status: string }).status === 'requested'
}
