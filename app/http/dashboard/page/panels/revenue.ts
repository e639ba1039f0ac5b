import type { RevenueHours } from '../../sections.ts'
import { TimeChart } from '../charts.ts'
import { byId, el } from '../dom.ts'
import { money, plural, shortMoney, utcMinute } from '../format.ts'

const HOUR_S = 3600
const RANGES = [
  { name: '24 h', hours: 24 },
  { name: '7 days', hours: 168 },
  { name: '31 days', hours: 744 },
] as const

/** Revenue of the latest hours, as many as the person chose. */
export class Revenue {
  #hours: RevenueHours['hours'] = []
  #range: number = RANGES[1].hours
  readonly #note = byId('revenue-note', HTMLElement)
  readonly #chart = new TimeChart({
    place: byId('revenue-chart', HTMLElement),
    label: 'Revenue per hour in US dollars',
    lines: [{ label: 'revenue', color: '--blue', kind: 'bars', format: money }],
    axisFormat: shortMoney,
    utc: true,
  })

  constructor() {
    const buttons = RANGES.map(({ name, hours }) => {
      const button = el('button', { type: 'button', 'aria-pressed': String(hours === this.#range) }, name)
      button.addEventListener('click', () => {
        this.#range = hours
        for (const other of buttons) other.setAttribute('aria-pressed', String(other === button))
        this.#draw()
      })
      return button
    })
    byId('revenue-range', HTMLElement).append(...buttons)
  }

  show({ hours }: RevenueHours): void {
    this.#hours = hours
    this.#draw()
  }

  #draw(): void {
    const [first, last] = [this.#hours[0], this.#hours.at(-1)]
    if (first === undefined || last === undefined) {
      this.#note.textContent = 'No completed trip yet.'
      return
    }
    const [end] = last
    const found = new Map(this.#hours.map(([hour, revenue]) => [hour, revenue]))
    const length = Math.min(this.#range, Math.max(24, (end - first[0]) / HOUR_S + 1))
    const times = Array.from({ length }, (_, index) => end - (length - 1 - index) * HOUR_S)
    const shown = this.#hours.filter(([hour]) => hour >= (times[0] ?? 0))
    const sum = shown.reduce((total, [, revenue]) => total + revenue, 0)
    const trips = shown.reduce((total, [, , some]) => total + some, 0)
    const words = `${money(sum)} from ${plural(trips, 'trip')} in ${plural(shown.length, 'hour')} up to ${utcMinute(end)} UTC`
    this.#chart.show([times, times.map((time) => found.get(time) ?? null)], words)
    this.#note.textContent = words
  }
}
