/*
 * Exact sums of decimal numbers. A JS number stands for the decimal that it prints as (0.1 is one tenth), so sums of
 * amounts do not drift the way binary floating point does.
 */

interface Decimal {
  readonly digits: bigint
  /** Number of decimal places. */
  readonly scale: number
}

/** Adds two decimals given as text or number; the result is text without superfluous zeros. Throws for NaN and infinities. */
export function addDecimals(a: string | number, b: string | number): string {
  const x = parse(a)
  const y = parse(b)
  const scale = Math.max(x.scale, y.scale)
  return format({ digits: rescale(x, scale) + rescale(y, scale), scale })
}

function parse(value: string | number): Decimal {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(value))
  if (match === null) throw new RangeError(`${value} is not a finite number`)
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const scale = fraction.length - Number(exponent)
  const digits = BigInt(sign + whole + fraction)
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale }
}

function rescale({ digits, scale }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - scale)
}

function format({ digits, scale }: Decimal): string {
  if (scale === 0) return String(digits)
  const negative = digits < 0n
  const text = String(negative ? -digits : digits).padStart(scale + 1, '0')
  const fraction = text.slice(-scale).replace(/0+$/, '')
  const whole = text.slice(0, -scale)
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}
