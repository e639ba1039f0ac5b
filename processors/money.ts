/*
 * Money in cents, exact. A safe integer is a number, anything beyond is a bigint; there is exactly one
 * representation per amount, so `===` and JSON texts compare. Amounts may be negative (differences).
 */

/** Cents: a number while it is a safe integer, else a bigint. */
export type Cents = number | bigint

/** JSON.stringify prints it as a number with at most two decimals, exact for any amount. */
export type JsonMoney = number | RawJsonNumber

/** A number text kept as it is (JSON.rawJSON): for amounts that a double cannot hold to the cent. */
export interface RawJsonNumber {
  readonly rawJSON: string
}

/**
 * Below this many units (2^43, about 8.8 trillion) a double tells all two-decimal amounts apart, and
 * `units * 100` is off by less than half a cent; `cents / 100` is then the double nearest to the amount.
 */
const EXACT_UNITS = 2 ** 43
const EXACT_CENTS = EXACT_UNITS * 100

const rawJson = (JSON as unknown as { rawJSON(text: string): RawJsonNumber }).rawJSON

/** Cents of a double with at most two decimals below 2^43 units; NaN when it has more decimals, undefined when only its text is exact. */
export function centsOfNumber(units: number): number | undefined {
  if (units >= EXACT_UNITS || units <= -EXACT_UNITS) return undefined
  const cents = Math.round(units * 100)
  return cents / 100 === units ? cents + 0 : Number.NaN
}

/** Cents of a JSON number text of any size (`12.5`, `1e3`, `90071992547409.93`); undefined when it has more than two decimals. */
export function centsOfText(text: string): Cents | undefined {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (parts === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return 0
  const significant = digits.replace(/0+$/, '')
  const shift = digits.length - significant.length - fraction.length + Number(exponent) + 2
  // A double ends at 1e308: whatever JSON.parse took for finite is far below this.
  if (shift < 0 || shift > 400) return undefined
  const magnitude = BigInt(significant) * 10n ** BigInt(shift)
  return normalized(sign === '-' ? -magnitude : magnitude)
}

export function addCents(a: Cents, b: Cents): Cents {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    // The sum of two safe integers is exact if it is safe; a rounded one is never safe.
    if (Number.isSafeInteger(sum)) return sum
  }
  return normalized(BigInt(a) + BigInt(b))
}

export function subtractCents(a: Cents, b: Cents): Cents {
  return addCents(a, -b)
}

/** The amount in units for JSON: a plain number while that is exact, else its decimal text. */
export function moneyToJson(cents: Cents): JsonMoney {
  if (typeof cents === 'number' && cents < EXACT_CENTS && cents > -EXACT_CENTS) return cents / 100
  return rawJson(unitsText(cents))
}

/** Decimal text in units: at most two decimals, none when they are zero. */
export function unitsText(cents: Cents): string {
  const big = BigInt(cents)
  const magnitude = big < 0n ? -big : big
  const rest = (magnitude % 100n).toString().padStart(2, '0').replace(/0+$/, '')
  return `${big < 0n ? '-' : ''}${magnitude / 100n}${rest === '' ? '' : `.${rest}`}`
}

/** Cents as a JSON value that JSON.parse brings back without loss: see centsFromJson. */
export function centsToJson(cents: Cents): number | string {
  return typeof cents === 'number' ? cents : cents.toString()
}

export function centsFromJson(json: number | string): Cents {
  return typeof json === 'number' ? json : BigInt(json)
}

function normalized(cents: bigint): Cents {
  return cents <= 9007199254740991n && cents >= -9007199254740991n ? Number(cents) : cents
}
