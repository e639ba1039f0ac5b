/** An amount as people write it, with its cents: `5.00`. @param amount a number, or a number kept as text (RawJsonNumber) */
export function moneyText(amount: unknown): string {
  const text = JSON.stringify(amount)
  const [, whole, cents = ''] = /^(-?\d+)(?:\.(\d{1,2}))?$/.exec(text) ?? []
  return whole === undefined ? text : `${whole}.${cents.padEnd(2, '0')}`
}
