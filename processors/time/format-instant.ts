const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Years 0000 to 9999 in days since 1970-01-01: what the arithmetic below prints; the rest goes through Date. */
const FIRST_DAY = -719_528
const LAST_DAY = 2_932_896

const TWO: readonly string[] = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'))

/** UTC with milliseconds, as Date.prototype.toISOString, at a third of its cost: `2025-10-29T10:00:00.000Z`. */
export function formatInstant(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  const rest = ms - day * DAY_MS
  const seconds = Math.floor(rest / 1000)
  const milli = rest - seconds * 1000
  const minutes = Math.floor(seconds / 60)
  const hour = Math.floor(minutes / 60)
  const fraction = milli < 10 ? `00${milli}` : milli < 100 ? `0${milli}` : milli
  return `${dateOf(day)}T${TWO[hour]}:${TWO[minutes - hour * 60]}:${TWO[seconds - minutes * 60]}.${fraction}Z`
}

/** Start of the UTC hour: `2025-10-29T10:00:00Z`. */
export function formatHour(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  return `${dateOf(day)}T${TWO[Math.floor((ms - day * DAY_MS) / HOUR_MS)]}:00:00Z`
}

/** civil_from_days of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
function dateOf(day: number): string {
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
