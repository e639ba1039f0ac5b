import type { RevenueHours } from '../../sections.ts'
import { TimeChart } from '../charts.ts'
import { byId, el, showProblem } from '../dom.ts'
import { money, plural, shortMoney, utcMinute } from '../format.ts'
import { getJson } from '../session.ts'

const HOUR_S = 3600
const RANGES = [
  { name: '24 h', hours: 24 },
  { name: '7 days', hours: 168 },
  { name: '31 days', hours: 744 },
] as const

/** Revenue of the latest hours, or of those up to the end of a day; as many as the person chose. */
export class Revenue {
  #latest: RevenueHours['hours'] = []
  /** Hours up to the end of the chosen day; null: the latest are shown. */
  #past: RevenueHours['hours'] | null = null
  /** Number of the latest choice, so that a late answer to an older one is not shown. */
  #turn = 0
  readonly #until = byId('revenue-until', HTMLInputElement)
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
        void this.#choose()
      })
      return button
    })
    byId('revenue-range', HTMLElement).append(...buttons)
    this.#until.addEventListener('change', () => void this.#choose())
  }

  async #choose(): Promise<void> {
    const turn = ++this.#turn
    const midnight = this.#until.valueAsNumber
    let past: RevenueHours['hours'] | null = null
    try {
      if (!Number.isNaN(midnight)) past = await hoursUpTo(midnight / 1000 + 23 * HOUR_S, this.#range)
      if (turn === this.#turn) showProblem('revenue', null)
    } catch (error) {
      if (turn === this.#turn) showProblem('revenue', error instanceof Error ? error.message : String(error))
      return
    }
    if (turn !== this.#turn) return
    this.#past = past
    this.#draw()
  }

  show({ hours }: RevenueHours): void {
    this.#latest = hours
    if (this.#past === null) this.#draw()
  }

  #draw(): void {
    const hours = this.#past ?? this.#latest
    const [first, last] = [hours[0], hours.at(-1)]
    if (first === undefined || last === undefined) {
      this.#note.textContent = this.#past === null ? 'No completed trip yet.' : 'No completed trip in these hours.'
      this.#chart.show([[], []], this.#note.textContent)
      return
    }
    const [end] = last
    const found = new Map(hours.map(([hour, revenue]) => [hour, revenue]))
    const length = Math.min(this.#range, Math.max(24, (end - first[0]) / HOUR_S + 1))
    const times = Array.from({ length }, (_, index) => end - (length - 1 - index) * HOUR_S)
    const shown = hours.filter(([hour]) => hour >= (times[0] ?? 0))
    const sum = shown.reduce((total, [, revenue]) => total + revenue, 0)
    const trips = shown.reduce((total, [, , some]) => total + some, 0)
    const words = `${money(sum)} from ${plural(trips, 'trip')} in ${plural(shown.length, 'hour')} up to ${utcMinute(end)} UTC`
    this.#chart.show([times, times.map((time) => found.get(time) ?? null)], words)
    this.#note.textContent = words
  }
}

/** @param end the last hour, epoch seconds */
async function hoursUpTo(end: number, count: number): Promise<RevenueHours['hours']> {
  const instant = (seconds: number): string => new Date(seconds * 1000).toISOString()
  const query = new URLSearchParams({ from: instant(end - (count - 1) * HOUR_S), to: instant(end), limit: '1000' })
  const { rows } = (await getJson(`revenue/hourly?${query}`)) as { readonly rows: readonly HourRow[] }
  return rows.map(({ hour, revenue, trips }) => [Date.parse(hour) / 1000, Number(revenue), trips])
}

interface HourRow {
  readonly hour: string
  readonly revenue: number
  readonly trips: number
}
