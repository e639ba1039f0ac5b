import type { Counted } from '../../../../../infra/http/dashboard/sections/index.ts'
import type { TripCounts } from '../../sections.ts'
import { byId, el, svg } from '../dom.ts'
import { count, duration, plural } from '../format.ts'

type Status = keyof TripCounts
const ORDER: readonly Status[] = ['requested', 'accepted', 'started', 'completed', 'cancelled']

interface Bar {
  readonly button: HTMLButtonElement
  readonly rect: SVGRectElement
  readonly count: HTMLElement
}

/** How many trips are in which status. */
export class Trips {
  readonly #bars = new Map<Status, Bar>()
  readonly #note = byId('trips-note', HTMLElement)

  /** @param onChosen called with the clicked status */
  constructor(onChosen: (status: Status) => void) {
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

  show({ value, rows, complete, tookMs }: Counted<TripCounts>): void {
    const most = Math.max(1, ...Object.values(value))
    for (const [status, bar] of this.#bars) {
      const trips = value[status]
      bar.rect.setAttribute('width', String(trips === 0 ? 0 : Math.max(0.6, (100 * trips) / most)))
      bar.count.textContent = count(trips)
    }
    const age = tookMs > 3000 ? `, counted over ${duration(tookMs / 1000)}` : ''
    this.#note.textContent = complete ? `${plural(rows, 'trip')}${age}` : `counting: ${plural(rows, 'trip')} so far`
  }
}
