import { isUtf8 } from 'node:buffer'

/** Characters that no text has, and that terminals obey; tabs and line ends are text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

/** The text that the bytes are; null when they are no UTF-8, or have control characters. */
export function textOf(bytes: Buffer): string | null {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : null
  return text === null || UNPRINTABLE.test(text) ? null : text
}
