/*
 * ISO 8601 instants: `YYYY-MM-DDTHH:MM[:SS[.f+]](Z|±HH[[:]MM])`, calendar dates in extended format, 24:00 as the end of a day,
 * years 0000-9999 both as written and once the offset is applied. Written by hand because it runs for every event; days by the
 * proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil). Leap seconds are no
 * instants of POSIX time and are refused.
 */

const DASH = 45
const COLON = 58
const PLUS = 43
const DOT = 46
const COMMA = 44
const T = 84
const Z = 90
/** First and last millisecond of the years 0000 to 9999, UTC: every instant prints with four digits, so texts sort as times do. */
export const FIRST_INSTANT = -62_167_219_200_000
export const LAST_INSTANT = 253_402_300_799_999
/** Not two digits, not an offset: so negative that no sum with it is positive. */
const BAD = -100_000

/** No instant with digits below the millisecond is shorter than this: `2025-10-29T10:00:00.1234Z`. */
const SHORTEST_WITH_SUB_MS = 25

/** Epoch ms of the instant, rounded down; NaN when the text is not a complete ISO 8601 instant with offset. */
export function instantMs(text: string): number {
  const length = text.length
  if (
    length < 17 ||
    text.charCodeAt(4) !== DASH ||
    text.charCodeAt(7) !== DASH ||
    text.charCodeAt(10) !== T ||
    text.charCodeAt(13) !== COLON
  ) {
    return Number.NaN
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  let second = 0
  let milli = 0
  let at = 16
  if (text.charCodeAt(16) === COLON) {
    second = twoDigits(text, 17)
    at = 19
    const mark = text.charCodeAt(19)
    if (mark === DOT || mark === COMMA) {
      const start = 20
      let weight = 100
      for (at = start; at < length; at++) {
        const digit = text.charCodeAt(at) - 48
        if (digit < 0 || digit > 9) break
        milli += digit * weight
        weight = weight === 100 ? 10 : weight === 10 ? 1 : 0
      }
      if (at === start) return Number.NaN
    }
  }
  const offset = offsetMinutes(text, at, length)
  if (
    year < 0 ||
    month < 1 ||
    month > 12 ||
    day < 1 ||
    (day > 28 && day > daysInMonth(year, month)) ||
    minute < 0 ||
    minute > 59 ||
    second < 0 ||
    second > 59 ||
    hour < 0 ||
    (hour > 23 && !(hour === 24 && minute === 0 && second === 0 && milli === 0 && subMsDigits(text) === '')) ||
    offset === BAD
  ) {
    return Number.NaN
  }
  const minutes = hour * 60 + minute - offset
  const ms = daysFromCivil(year, month, day) * 86_400_000 + (minutes * 60 + second) * 1000 + milli
  return ms >= FIRST_INSTANT && ms <= LAST_INSTANT ? ms : Number.NaN
}

/** Length of `2025-10-29T10:00:00.000Z`. */
const COMMON_LENGTH = 24
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** The last date that was met, as a number of eight digits, and its first millisecond: events of one time are of few days. */
let lastDate = -1
let lastDayMs = 0

/**
 * The same for bytes in the form `2025-10-29T10:00:00.000Z`, which most programs write and which has no digits below the millisecond;
 * NaN for any other form, right or wrong.
 */
export function instantMsOfBytes(bytes: Buffer, start: number, end: number): number {
  if (
    end - start !== COMMON_LENGTH ||
    bytes[start + 4] !== DASH ||
    bytes[start + 7] !== DASH ||
    bytes[start + 10] !== T ||
    bytes[start + 13] !== COLON ||
    bytes[start + 16] !== COLON ||
    bytes[start + 19] !== DOT ||
    bytes[start + 23] !== Z
  ) {
    return Number.NaN
  }
  const year = twoDigitsAt(bytes, start) * 100 + twoDigitsAt(bytes, start + 2)
  const date = year * 10_000 + twoDigitsAt(bytes, start + 5) * 100 + twoDigitsAt(bytes, start + 8)
  const hour = twoDigitsAt(bytes, start + 11)
  const minute = twoDigitsAt(bytes, start + 14)
  const second = twoDigitsAt(bytes, start + 17)
  const milli = twoDigitsAt(bytes, start + 20) * 10 + lastDigitOf(twoDigitsAt(bytes, start + 21))
  if (!(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59 && milli >= 0)) {
    return Number.NaN
  }
  if (date !== lastDate) {
    const dayMs = instantMs(`${bytes.toString('latin1', start, start + 10)}T00:00:00Z`)
    if (Number.isNaN(dayMs)) return Number.NaN
    lastDate = date
    lastDayMs = dayMs
  }
  return lastDayMs + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + milli
}

function lastDigitOf(twoDigits: number): number {
  return twoDigits < 0 ? BAD : twoDigits % 10
}

function twoDigitsAt(bytes: Buffer, at: number): number {
  const tens = (bytes[at] as number) - 48
  const ones = (bytes[at + 1] as number) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : BAD
}

/** Digits below the millisecond of a text that instantMs accepted, without trailing zeros; '' for none. They compare as strings. */
export function subMsDigits(text: string): string {
  if (text.length < SHORTEST_WITH_SUB_MS) return ''
  const mark = text.charCodeAt(19)
  if (mark !== DOT && mark !== COMMA) return ''
  let end = 20
  while (end < text.length && isDigit(text.charCodeAt(end))) end++
  while (end > 23 && text.charCodeAt(end - 1) === 48) end--
  return end > 23 ? text.slice(23, end) : ''
}

/** Minutes east of UTC; BAD when the rest of the text is not `Z` or an offset. */
function offsetMinutes(text: string, at: number, length: number): number {
  const mark = text.charCodeAt(at)
  if (mark === Z) return at + 1 === length ? 0 : BAD
  if (mark !== PLUS && mark !== DASH) return BAD
  const hours = twoDigits(text, at + 1)
  let minutes = 0
  if (length === at + 6 && text.charCodeAt(at + 3) === COLON) minutes = twoDigits(text, at + 4)
  else if (length === at + 5) minutes = twoDigits(text, at + 3)
  else if (length !== at + 3) return BAD
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return BAD
  return mark === PLUS ? hours * 60 + minutes : -(hours * 60 + minutes)
}

/** Days since 1970-01-01. Counts from March of 400 years earlier, so that every term is a positive integer. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = (month <= 2 ? year - 1 : year) + 400
  const dayOfYear = ((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) | 0
  return y * 365 + ((y / 4) | 0) - ((y / 100) | 0) + ((y / 400) | 0) + dayOfYear + day - 1 - 719_468 - 146_097
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : BAD
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}
