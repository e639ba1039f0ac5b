import { type Headers, NO_HEADERS } from '../state/ports/headers.ts'

/** A record inside the topology. Immutable: operators pass the same object on or make a new one. */
export interface StreamRecord<K, V> {
  readonly key: K
  readonly value: V
  /** Event time, epoch ms. */
  readonly timestamp: number
  readonly headers: Headers
}

/** A plain record; the one place where records are made, so that they share one hidden class. */
export function record<K, V>(key: K, value: V, timestamp: number, headers: Headers = NO_HEADERS): StreamRecord<K, V> {
  return { key, value, timestamp, headers }
}
