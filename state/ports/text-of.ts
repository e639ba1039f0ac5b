import { isUtf8 } from 'node:buffer'

/** The text that the bytes are; null when they are no UTF-8, or have a NUL, as numbers in bytes do. Whoever prints it escapes it. */
export function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : null
}
