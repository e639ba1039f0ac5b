import { textOf } from '../../state/ports/text-of.ts'

/** A value as JSON can hold it. */
export type Shown = null | boolean | number | string | readonly Shown[] | { readonly [name: string]: Shown }

const MAX_DEPTH = 20

/**
 * A copy of the value as it is now, for people and JSON: later changes in place do not show in it. Bytes are text where they are text, else
 * `{ hex }`; times are ISO 8601; maps with text keys are objects.
 */
export function shown(value: unknown, depth = 0): Shown {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return shownBytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  if (depth === MAX_DEPTH) return '…'
  const inner = (one: unknown): Shown => shown(one, depth + 1)
  if (Array.isArray(value) || value instanceof Set) return [...value].map(inner)
  if (value instanceof Map) return shownMap(value, inner)
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if ('toJSON' in value && typeof value.toJSON === 'function') return inner(value.toJSON())
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]))
}

/** Text, or `{ hex }` of what is none. */
export function shownBytes(bytes: Buffer): Shown {
  return textOf(bytes) ?? { hex: bytes.toString('hex') }
}

function shownMap(map: ReadonlyMap<unknown, unknown>, inner: (one: unknown) => Shown): Shown {
  const entries = [...map]
  if (entries.every(([key]) => typeof key === 'string' || typeof key === 'number'))
    return Object.fromEntries(entries.map(([key, one]) => [String(key), inner(one)]))
  return entries.map(([key, one]) => [inner(key), inner(one)])
}
