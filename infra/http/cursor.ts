import { badRequest } from './errors.ts'

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
    throw badRequest('cursor is not one that this list gave out')
  }
  return text.slice(list.length + 1)
}
