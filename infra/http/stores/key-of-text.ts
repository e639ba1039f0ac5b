import type { Serde } from '../../../state/ports/serde.ts'
import type { Windowed } from '../../../state/ports/stores.ts'
import { badRequest } from '../errors.ts'

const WHOLE = /^-?\d{1,16}$/
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/**
 * Reads a key as it stands in a path or a query, by the store's key serde: text formats (strings, UUIDs, JSON) as their text,
 * numbers as decimals, a windowed key as JSON `{"key", "window": {"start", "end"}}`. Other serdes take their bytes as base64.
 * @throws HttpError 400
 */
export function keyOfText(serde: Serde<unknown>, store: string, text: string): unknown {
  try {
    return read(serde, store, text)
  } catch (error) {
    throw badRequest(`the key of store ${store} cannot be read: ${(error as Error).message}`)
  }
}

function read(serde: Serde<unknown>, store: string, text: string): unknown {
  if ('inner' in serde) return windowedKeyOf(serde.inner as Serde<unknown>, store, text)
  if (serde.deserializeText !== undefined) return serde.deserializeText(store, text)
  switch (serde.name) {
    case 'uuid':
      return serde.deserialize(store, Buffer.from(text))
    case 'int32':
    case 'int64':
      if (!WHOLE.test(text)) throw new TypeError(`"${text}" is not a whole number`)
      return Number(text)
    case 'float64': {
      const number = Number(text)
      if (text.trim() === '' || Number.isNaN(number)) throw new TypeError(`"${text}" is not a number`)
      return number
    }
    default:
      if (!BASE64.test(text)) throw new TypeError('it must be the bytes of the key as base64')
      return serde.deserialize(store, Buffer.from(text, 'base64'))
  }
}

function windowedKeyOf(inner: Serde<unknown>, store: string, text: string): Windowed<unknown> {
  const { key, window } = JSON.parse(text) as Partial<Windowed<unknown>>
  const { start, end } = window ?? {}
  if (key === undefined || typeof start !== 'number' || typeof end !== 'number') {
    throw new TypeError('it must be JSON {"key", "window": {"start", "end"}}')
  }
  return { key: typeof key === 'string' ? read(inner, store, key) : key, window: { start, end } }
}
