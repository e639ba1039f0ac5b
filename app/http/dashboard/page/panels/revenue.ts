import type { RevenueHours } from '../../sections.ts'
import { TimeChart } from '../charts.ts'
import { byId } from '../dom.ts'
import { type EventRange, type Hours, hoursQuery, unknownHours } from '../event-range.ts'
import { money, plural, shortMoney, utcMinute } from '../format.ts'
import { getJson } from '../session.ts'

const HOUR_S = 3600

interface Past {
  readonly hours: RevenueHours['hours']
  /** Said when there are none. */
  readonly none: string
}

/** Revenue of the latest hours, or of those up to the end of a day; as many as the person chose. */
export class Revenue {
  #latest: RevenueHours['hours'] = []
  /** Hours up to the end of the chosen day; null: the latest are shown. */
  #past: Past | null = null
  /** Number of the latest choice, so that a late answer to an older one is not shown. */
  #turn = 0
  readonly #range: EventRange
  readonly #note = byId('revenue-note', HTMLElement)
  readonly #chart = new TimeChart({
    place: byId('revenue-chart', HTMLElement),
    label: 'Revenue per hour in US dollars',
    lines: [{ label: 'revenue', color: '--blue', kind: 'bars', format: money }],
    axisFormat: shortMoney,
    utc: true,
  })

  constructor(range: EventRange) {
    this.#range = range
    range.onChange(() => void this.#choose())
  }

  async #choose(): Promise<void> {
    const turn = ++this.#turn
    const { hours } = this.#range
    let past: Past | null = null
    try {
      if (hours !== null) past = { hours: await revenueOf(hours), none: 'No completed trip in these hours.' }
    } catch (error) {
      past = { hours: [], none: unknownHours(error) }
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
    const { hours, none } = this.#past ?? { hours: this.#latest, none: 'No completed trip yet.' }
    const last = hours.at(-1)
    if (last === undefined) {
      this.#note.textContent = none
      this.#chart.show([[], []], this.#note.textContent)
      return
    }
    const [end] = last
    const found = new Map(hours.map(([hour, revenue]) => [hour, revenue]))
    // The range may begin long before the first trip in it, as on the day when live rides follow those of years ago.
    const [first = end] = hours.find(([hour]) => hour > end - this.#range.length * HOUR_S) ?? []
    const length = Math.max(24, (end - first) / HOUR_S + 1)
    const times = Array.from({ length }, (_, index) => end - (length - 1 - index) * HOUR_S)
    const shown = hours.filter(([hour]) => hour >= (times[0] ?? 0))
    const sum = shown.reduce((total, [, revenue]) => total + revenue, 0)
    const trips = shown.reduce((total, [, , some]) => total + some, 0)
    const words = `${money(sum)} from ${plural(trips, 'trip')} in ${plural(shown.length, 'hour')} up to ${utcMinute(end)} UTC`
    this.#chart.show([times, times.map((time) => found.get(time) ?? null)], words)
    this.#note.textContent = words
  }
}

async function revenueOf(hours: Hours): Promise<RevenueHours['hours']> {
  const { rows } = (await getJson(`revenue/hourly?${hoursQuery(hours)}`)) as { readonly rows: readonly HourRow[] }
  return rows.map(({ hour, revenue, trips }) => [Date.parse(hour) / 1000, Number(revenue), trips])
}

interface HourRow {
  readonly hour: string
  readonly revenue: number
  readonly trips: number
}
