import { MOST_KEY_TEXT } from '../../state/ports/key-text.ts'
import { badRequest } from './errors.ts'

const MOST_UTF8_PER_CHARACTER = 3
const BASE64 = 4 / 3
/** Characters of the longest cursor: the longest key, with the name of the list before it. */
export const MAX_CURSOR = Math.ceil((MOST_KEY_TEXT * MOST_UTF8_PER_CHARACTER + 64) * BASE64)

/**
 * An opaque page cursor: the key of the last row of the page before, bound to its list so that a cursor of one
 * list is refused by another. base64url of `<list>:<key>`.
 */
export function encodeCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`, 'utf8').toString('base64url')
}

/** Throws HttpError 400 for anything encodeCursor did not make for this list. */
export function decodeCursor(list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!text.startsWith(`${list}:`) || encodeCursor(list, text.slice(list.length + 1)) !== cursor) {
    throw badRequest('this list did not give out that cursor: send the nextCursor of a page')
  }
  return text.slice(list.length + 1)
}
