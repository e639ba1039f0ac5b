const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' })
const shortDollars = new Intl.NumberFormat('en-US', {
  style: 'currency',
  currency: 'USD',
  notation: 'compact',
  maximumFractionDigits: 1,
})

export const count = (value: number): string => whole.format(value)
/** 1 trip, 2 trips */
export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`
/** 12.3K */
export const shortCount = (value: number): string => short.format(value)
export const money = (value: number): string => dollars.format(value)
export const shortMoney = (value: number): string => shortDollars.format(value)

/** 2.5 ms, 120 ms, 4 s, 10 min */
export function duration(seconds: number): string {
  if (seconds < 1) return `${upTo(seconds < 0.1 ? 1 : 0, seconds * 1000)} ms`
  if (seconds < 120) return `${upTo(seconds < 10 ? 1 : 0, seconds)} s`
  return `${upTo(0, seconds / 60)} min`
}

/** Without zeros behind the point. */
const upTo = (digits: number, value: number): string => String(Number(value.toFixed(digits)))

/** A quantile that lies in the histogram's last bucket is only known to be at least that. */
export function quantileText(seconds: number | null, most: number): string {
  if (seconds === null) return '–'
  return seconds >= most && most > 0 ? `> ${duration(most)}` : duration(seconds)
}

/** 2019-03-01 10:00 */
export const utcMinute = (epochSeconds: number): string =>
  new Date(epochSeconds * 1000).toISOString().slice(0, 16).replace('T', ' ')

/** 2026-11-23 10:00:05 */
export const utcSecond = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')

/** A value as text: strings as they are, others as JSON. */
export function text(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
