/** Order of texts by their UTF-16 code units, for sort(): that of the bytes for binary strings. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
