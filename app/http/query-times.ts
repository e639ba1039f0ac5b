import { badRange, badRequest } from '../../infra/http/index.ts'
import { formatEnd } from '../../processors/time/format-instant.ts'
import { FIRST_INSTANT, instantMs, LAST_INSTANT } from '../../processors/time/parse-instant.ts'
import type { HourRange, HourSpan } from './revenue-sums.ts'

/* Times in query parameters. */

const HOUR_MS = 3_600_000

interface AskedRange {
  readonly from?: string
  readonly to?: string
}

/** Keys of the first and last hour that begin in the range. @throws HttpError 400 */
export function hourRange(query: AskedRange): HourRange {
  const { from, to } = instantRange(query)
  return {
    from: from === undefined ? undefined : hourKey(Math.ceil(from / HOUR_MS)),
    to: to === undefined ? undefined : hourKey(Math.floor(to / HOUR_MS)),
  }
}

/** The hours that begin in the range, whole; null: all. @throws HttpError 400 */
export function hourSpan(query: AskedRange): HourSpan | null {
  const { from, to } = instantRange(query)
  if (from === undefined && to === undefined) return null
  return {
    from: from === undefined ? FIRST_INSTANT : Math.ceil(from / HOUR_MS) * HOUR_MS,
    to: to === undefined ? LAST_INSTANT : (Math.floor(to / HOUR_MS) + 1) * HOUR_MS - 1,
  }
}

/** `hours` since 1970 */
function hourKey(hours: number): string {
  return formatEnd(hours * HOUR_MS)
}

/** Epoch ms. @throws HttpError 400 for a range whose ends are the wrong way round */
export function instantRange(query: AskedRange): { readonly from?: number; readonly to?: number } {
  const from = query.from === undefined ? undefined : instantParam('from', query.from)
  const to = query.to === undefined ? undefined : instantParam('to', query.to)
  if (from !== undefined && to !== undefined && from > to) throw badRange()
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
}

/** Epoch ms. A `+` of an offset that was not percent-encoded arrives as a space. @throws HttpError 400 */
export function instantParam(name: string, text: string): number {
  const ms = instantMs(text.replace(/ (\d\d:?\d\d)$/, '+$1'))
  if (Number.isNaN(ms)) throw badRequest(`${name} must be ISO 8601 with Z or an offset, like 2019-03-01T00:00:00Z`)
  return ms
}
