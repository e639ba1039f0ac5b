/*
 * JSON.parse does not tell how deep an event's text nests, nor the digits of a number. Both functions here walk the text with a
 * counter, not by calling themselves, so the answer depends on the text alone and never on the stack that is left.
 */

/** Most bytes of an event's value: a record of Kafka's default size. */
export const MOST_BYTES = 1_048_576
/** Most levels of objects and arrays in an event's value, the value itself included. The schemas need three. */
export const MOST_NESTING = 200

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
/** UTF-8 needs at most so many bytes for one UTF-16 code unit. */
const MOST_UTF8_PER_UNIT = 3

/** Is the text longer than MOST_BYTES as UTF-8? */
export function isTooLong(text: string): boolean {
  if (text.length <= MOST_BYTES / MOST_UTF8_PER_UNIT) return false
  return text.length > MOST_BYTES || Buffer.byteLength(text) > MOST_BYTES
}

/** Does a valid JSON text nest deeper than MOST_NESTING? Most events are too short for it, or have too few brackets. */
export function isTooDeep(text: string): boolean {
  if (text.length <= 2 * MOST_NESTING) return false
  const left = MOST_NESTING - countOf(text, '{', MOST_NESTING)
  if (left >= 0 && countOf(text, '[', left) <= left) return false
  return depthOf(text) > MOST_NESTING
}

/** How often a character stands in a text; stops at most + 1. */
function countOf(text: string, character: string, most: number): number {
  let count = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) if (++count > most) break
  return count
}

function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) deepest = Math.max(deepest, ++depth)
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--
  }
  return deepest
}

/**
 * The digits of the number `data.<field>` as they stand in a valid JSON text of an event; '' when there is none. Of repeated fields the
 * last one counts, as for JSON.parse.
 */
export function numberTextOf(text: string, field: string): string {
  let depth = 0
  let outer = ''
  let inner = ''
  let found = ''
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (depth <= 2 && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end + 1)) as string
        if (depth === 1) {
          outer = name
          if (name === 'data') found = ''
        } else inner = name
      }
      at = end
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      depth++
      inner = ''
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--
    else if (isDigitOrMinus(code)) {
      const end = endOfNumber(text, at)
      if (depth === 2 && outer === 'data' && inner === field) found = text.slice(at, end)
      at = end - 1
    }
  }
  return found
}

/** Position of the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text.charCodeAt(end) !== QUOTE) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end
}

/** Does a colon follow the string that ends here? */
function isName(text: string, end: number): boolean {
  let at = end + 1
  while (isSpace(text.charCodeAt(at))) at++
  return text.charCodeAt(at) === COLON
}

function endOfNumber(text: string, at: number): number {
  let end = at + 1
  while (/[0-9.eE+-]/.test(text.charAt(end))) end++
  return end
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d

const isDigitOrMinus = (code: number): boolean => code === MINUS || (code >= ZERO && code <= NINE)
