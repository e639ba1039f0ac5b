/**
 * One key of several texts, as `a b c`. Different texts give different keys: a space in a text (ids may have some) is `%20` and a percent
 * sign `%25`.
 */
export function compositeKey(...parts: readonly (string | number)[]): string {
  return parts.map((part) => (typeof part === 'number' ? String(part) : escaped(part))).join(' ')
}

function escaped(part: string): string {
  return part.includes(' ') || part.includes('%') ? part.replaceAll('%', '%25').replaceAll(' ', '%20') : part
}
