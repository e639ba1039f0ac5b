import { LAST_INSTANT } from './parse-instant.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Years 0000 to 9999 in days since 1970-01-01: what the arithmetic below prints; the rest goes through Date. */
const FIRST_DAY = -719_528
const LAST_DAY = 2_932_896

/** `T10:00:` by minute of the day, `59.` by second, `000Z` by millisecond: few pieces, since every piece is an allocation. */
const MINUTE: readonly string[] = Array.from({ length: 1440 }, (_, i) => `T${two(Math.floor(i / 60))}:${two(i % 60)}:`)
const SECOND: readonly string[] = Array.from({ length: 60 }, (_, i) => `${two(i)}.`)
const MILLI: readonly string[] = Array.from({ length: 1000 }, (_, i) => `${String(i).padStart(3, '0')}Z`)
const TWO: readonly string[] = Array.from({ length: 100 }, (_, i) => two(i))

/** UTC with milliseconds, as Date.prototype.toISOString, at a third of its cost: `2025-10-29T10:00:00.000Z`. */
export function formatInstant(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  const rest = ms - day * DAY_MS
  const minute = Math.floor(rest / 60_000)
  const inMinute = rest - minute * 60_000
  const second = Math.floor(inMinute / 1000)
  return dateOf(day) + MINUTE[minute] + SECOND[second] + MILLI[inMinute - second * 1000]
}

/** The last hours, by hour modulo their number: texts that are keys are the same objects, with their hash. */
const HOURS = Array.from({ length: 8 }, () => ({ hour: Number.NaN, text: '' }))

/** Start of the UTC hour: `2025-10-29T10:00:00Z`. */
export function formatHour(ms: number): string {
  const hour = Math.floor(ms / HOUR_MS)
  const last = HOURS[hour & 7] as { hour: number; text: string }
  if (last.hour !== hour) {
    const day = Math.floor(hour / 24)
    last.hour = hour
    last.text = `${dateOf(day)}T${TWO[hour - day * 24]}:00:00Z`
  }
  return last.text
}

/** UTC to the second: `2025-10-29T10:05:00Z`. */
export function formatSecond(ms: number): string {
  return `${formatInstant(ms).slice(0, -5)}Z`
}

/** formatSecond() for the end of a span. The end of the last hour is `9999-12-31T24:00:00Z`, which as text too is behind all instants. */
export function formatEnd(ms: number): string {
  return ms > LAST_INSTANT ? END_OF_TIME : formatSecond(ms)
}

const END_OF_TIME = '9999-12-31T24:00:00Z'

/** The UTC day: `2025-10-29`. */
export function formatDay(ms: number): string {
  return dateOf(Math.floor(ms / DAY_MS))
}

/** The last dates, by day modulo their number: events of one time are of few days. */
const DATES = Array.from({ length: 8 }, () => ({ day: Number.NaN, date: '' }))

/** The day as `2025-10-29`, counted from 1970-01-01. */
export function dateOf(day: number): string {
  const last = DATES[day & 7] as { day: number; date: string }
  if (last.day !== day) {
    last.day = day
    last.date = dateText(day)
  }
  return last.date
}

/** civil_from_days of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
function dateText(day: number): string {
  if (day < FIRST_DAY || day > LAST_DAY) return new Date(day * DAY_MS).toISOString().replace(/T.*/, '')
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const date = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${TWO[Math.floor(year / 100)]}${TWO[year % 100]}-${TWO[month]}-${TWO[date]}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
