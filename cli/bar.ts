import type { Restored } from './restore-tally.ts'

const BAR_WIDTH = 32
/** Leaves room for the numbers on a line of 80 columns. */
const RESTORE_BAR_WIDTH = 10
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar for a share of 0..1, to an eighth of a character, padded to its full width. */
export function bar(share: number, width = BAR_WIDTH): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const text = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
  return ` ${text.padEnd(width)}`
}

export const number = (value: number): string => Math.round(value).toLocaleString('en-US')

/** Bar, share, records, rate and time left. */
export function restoreBar(restored: Restored, paint: (bar: string) => string = (text) => text): string {
  const { done, total, recordsPerSecond, etaSeconds } = restored
  const rate = done < total ? `  ${number(recordsPerSecond)}/s` : ''
  const share = total === 0 ? 1 : done / total
  return `${paint(bar(share, RESTORE_BAR_WIDTH))} ${percent(restored)}  ${number(done)} of ${number(total)}${rate}${timeLeft(etaSeconds)}`
}

export function percent({ done, total }: Restored): string {
  return `${total === 0 ? 100 : Math.floor((100 * done) / total)} %`
}

function timeLeft(seconds: number | null): string {
  if (seconds === null || seconds === 0) return ''
  return `  ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`} left`
}
