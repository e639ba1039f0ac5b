import { isUtf8 } from 'node:buffer'

/** No text decodes to half of a surrogate pair, so no key that is text has such a name. */
const NO_TEXT = '\ud800'
const NULL_KEY = `${NO_TEXT}(null)`

/** A name for each key, different for different keys: its text; others stand for null and for bytes that are no UTF-8. */
export function keyName(key: Buffer | null): string {
  if (key === null) return NULL_KEY
  return isUtf8(key) ? key.toString('utf8') : `${NO_TEXT}(hex ${key.toString('hex')})`
}

/** The name as people read it. */
export function shownKey(name: string): string {
  return name.startsWith(NO_TEXT) ? name.slice(1) : name
}
