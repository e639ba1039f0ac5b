/*
 * Text that others wrote (fields of events, keys, headers, messages of brokers), made safe to print: a terminal obeys escape sequences,
 * a newline makes a line that looks like ours, and a right-to-left override makes a text read as another. What a reader cannot
 * see is printed as the escape that JSON has for it. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */

const UNSEEN = /(?!\u200c|\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu')
/** The newlines of indented JSON are its own: those of texts are escaped already. */
const UNSEEN_IN_JSON = /(?!\u200c|\u200d|\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const ALL_UNSEEN_IN_JSON = new RegExp(UNSEEN_IN_JSON, 'gu')

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One line of text in which everything can be seen. */
export function visibleText(text: string): string {
  return UNSEEN.test(text) ? text.replace(ALL_UNSEEN, escaped) : text
}

/** The same JSON value, in which everything can be seen. */
export function visibleJson(json: string): string {
  return UNSEEN_IN_JSON.test(json) ? json.replace(ALL_UNSEEN_IN_JSON, escaped) : json
}

function escaped(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  let text = ''
  for (let i = 0; i < character.length; i++) text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  return text
}
