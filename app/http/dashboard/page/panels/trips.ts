import type { Counted } from '../../../../../infra/http/dashboard/sections/index.ts'
import type { TripCounts } from '../../sections.ts'
import { byId, el, svg } from '../dom.ts'
import { type EventRange, type Hours, hoursQuery, unknownHours } from '../event-range.ts'
import { count, duration, plural, utcMinute } from '../format.ts'
import { getJson } from '../session.ts'

type Status = keyof TripCounts
const ORDER: readonly Status[] = ['requested', 'accepted', 'started', 'completed', 'cancelled']

interface Bar {
  readonly button: HTMLButtonElement
  readonly rect: SVGRectElement
  readonly count: HTMLElement
}

/** How many trips are in which status; for past hours, how many of the trips requested then reached each stage. */
export class Trips {
  readonly #range: EventRange
  #latest: Counted<TripCounts> | null = null
  /** Number of the latest choice, so that a late answer to an older one is not shown. */
  #turn = 0
  readonly #bars = new Map<Status, Bar>()
  readonly #note = byId('trips-note', HTMLElement)

  /** @param onChosen called with the clicked status */
  constructor(range: EventRange, onChosen: (status: Status) => void) {
    this.#range = range
    range.onChange(() => void this.#choose())
    const list = byId('trips-bars', HTMLElement)
    for (const status of ORDER) {
      const rect = svg('rect', { width: 0, height: 14, class: status })
      const picture = svg(
        'svg',
        { viewBox: '0 0 100 14', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        svg('rect', { width: 100, height: 14, class: 'track' }),
        rect,
      )
      const number = el('span', { class: 'count' }, '–')
      const button = el('button', { type: 'button', title: 'Show the latest' }, el('span', {}, status), picture, number)
      button.addEventListener('click', () => onChosen(status))
      this.#bars.set(status, { button, rect, count: number })
      list.append(el('li', {}, button))
    }
  }

  show(data: Counted<TripCounts>): void {
    this.#latest = data
    if (this.#range.hours === null) this.#drawLatest(data)
  }

  async #choose(): Promise<void> {
    const turn = ++this.#turn
    const { hours } = this.#range
    try {
      const stages = hours === null ? null : await stagesOf(hours)
      if (turn !== this.#turn) return
      if (hours !== null && stages !== null) this.#drawPast(stages, hours)
      else if (this.#latest !== null) this.#drawLatest(this.#latest)
    } catch (error) {
      if (turn === this.#turn) this.#drawUnknown(error)
    }
  }

  /** Not in the line of the section's problem: that one is of the latest counts, which go on to come. */
  #drawUnknown(error: unknown): void {
    for (const bar of this.#bars.values()) {
      bar.rect.setAttribute('width', '0')
      bar.count.textContent = '–'
    }
    this.#note.textContent = unknownHours(error)
  }

  #drawLatest({ value, rows, complete, tookMs }: Counted<TripCounts>): void {
    this.#draw(value)
    const age = tookMs > 3000 ? `, counted over ${duration(tookMs / 1000)}` : ''
    this.#note.textContent = complete ? `${plural(rows, 'trip')}${age}` : `counting: ${plural(rows, 'trip')} so far`
  }

  #drawPast(stages: TripCounts, { first, last }: Hours): void {
    this.#draw(stages)
    const hours = `${utcMinute(first)} to ${utcMinute(last + 3600)} UTC`
    this.#note.textContent = `${plural(stages.requested, 'trip')} requested from ${hours}: how many reached each stage`
  }

  #draw(counts: TripCounts): void {
    const most = Math.max(1, ...Object.values(counts))
    for (const [status, bar] of this.#bars) {
      const trips = counts[status]
      bar.rect.setAttribute('width', String(trips === 0 ? 0 : Math.max(0.6, (100 * trips) / most)))
      bar.count.textContent = count(trips)
    }
  }
}

/** Sums of GET /analytics/funnel. */
async function stagesOf(hours: Hours): Promise<TripCounts> {
  const { rows } = (await getJson(`analytics/funnel?${hoursQuery(hours)}`)) as { readonly rows: readonly TripCounts[] }
  const sum = { requested: 0, accepted: 0, started: 0, cancelled: 0, completed: 0 }
  for (const row of rows) for (const stage of ORDER) sum[stage] += row[stage]
  return sum
}
