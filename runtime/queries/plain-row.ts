import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { ValueAndTimestamp, VersionedRecord, Window, Windowed } from '../../state/ports/stores.ts'
import { windowedKey } from './windowed-key.ts'

/** A row of any store, in one shape. Key and value are as the serdes of the store return them. */
export interface PlainRow {
  /** In a window or session store: the key inside. */
  readonly key: unknown
  /** Only rows of window and session stores have it. Epoch ms. */
  readonly window?: Window
  readonly value: unknown
  /** Epoch ms. Stores without timestamps have none. */
  readonly timestamp?: number
  /** Only rows of versioned stores have it; null = still valid. */
  readonly validTo?: number | null
  /** Only where the store keeps headers. */
  readonly headers?: unknown
}

/** @param key, stored as the store's own API returns them */
export function plainRow(spec: StoreSpec, key: unknown, stored: unknown): PlainRow {
  const place: Windowed<unknown> | { readonly key: unknown } = windowedKey(spec, key) ?? { key }
  if (spec.kind === 'session' || (spec.kind !== 'versioned' && !spec.timestamped)) return { ...place, value: stored }
  return { ...place, ...(stored as ValueAndTimestamp<unknown> | VersionedRecord<unknown>) }
}

/** JSON of what serdes return: bytes as base64, BigInts as their digits in a string. */
export function plainJson(data: unknown): string {
  return JSON.stringify(data, plainValue)
}

/** `value` is what toJSON() made of the property, which for a Buffer is a list of numbers. */
function plainValue(this: unknown, name: string, value: unknown): unknown {
  const own = (this as Record<string, unknown>)[name]
  if (own instanceof Uint8Array) return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64')
  return typeof value === 'bigint' ? String(value) : value
}
