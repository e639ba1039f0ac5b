/** The public face of infra/json/. */

interface RawJson {
  rawJSON(text: string): unknown
}

/** JSON.parse that keeps the digits of numbers a double cannot hold: JSON.stringify prints them as they came. */
export function parseExactJson(text: string): unknown {
  // TypeScript's library does not know JSON.rawJSON and the reviver's third argument yet (ES2026).
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source
    if (typeof value !== 'number' || source === undefined || String(value) === source) return value
    return /^-?\d{15,}/.test(source.replace('.', '')) ? (JSON as unknown as RawJson).rawJSON(source) : value
  }
  return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown)
}
