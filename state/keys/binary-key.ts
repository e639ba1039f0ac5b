import { isAscii, type Serialized } from '../ports/serde.ts'

/*
 * Binary strings: one char (0..255) per byte. Maps hash them, JS compares them in byte order, and as UTF-8 they
 * keep that order, so the same string is the key in memory and on disk.
 */

/** A string stands for its UTF-8 bytes; ASCII strings are their own binary form. */
export function toBinary(bytes: Serialized): string {
  if (typeof bytes !== 'string') return bytes.toString('latin1')
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'utf8').toString('latin1')
}

/** The bytes of a binary key as they are sent: ASCII text needs no buffer. */
export function toSerialized(key: string): Serialized {
  return isAscii(key) ? key : fromBinary(key)
}

export function fromBinary(key: string): Buffer {
  return Buffer.from(key, 'latin1')
}

/** The smallest key behind all keys that begin with this one; undefined: there is none. */
export function behindPrefix(prefix: string): string | undefined {
  let end = prefix.length
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xff) end--
  if (end === 0) return undefined
  return prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1)
}

/** The smallest key after this one: makes an inclusive upper bound exclusive. */
export function behind(key: string): string {
  return `${key}\0`
}
