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

/** A key after all that begin with this one, and before all others: no char of a key is above 255. */
export function behindPrefix(key: string): string {
  return `${key}\u0100`
}

/** The smallest key after this one: makes an inclusive upper bound exclusive. */
export function behind(key: string): string {
  return `${key}\0`
}
