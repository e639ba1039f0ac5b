const FEW_LETTERS = 2

/** The first of the known names that is within a letter or two of this one; null when there is none. */
export function nearestName(name: string, known: readonly string[]): string | null {
  return known.find((other) => isNearly(name, other)) ?? null
}

/** True when the Levenshtein distance is at most FEW_LETTERS (Wagner and Fischer's algorithm). */
function isNearly(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > FEW_LETTERS) return false
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return (row[b.length] as number) <= FEW_LETTERS
}
