const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** The rules with every duration (`for`, ranges, offsets) divided, and nothing else changed. */
export function quickRules(rules: string, divisor: number): string {
  const divide = (amount: string, unit: string): string => `${(Number(amount) * (UNIT_MS[unit] ?? 0)) / divisor}ms`
  return rules
    .replace(/\[(\d+)([smh])\]/g, (_, amount, unit) => `[${divide(amount, unit)}]`)
    .replace(/\b(offset |for: )(\d+)([smh])\b/g, (_, before, amount, unit) => `${before}${divide(amount, unit)}`)
}
