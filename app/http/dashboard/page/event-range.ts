import { byId, choice, el } from './dom.ts'

const HOUR_S = 3600
const RANGES = [
  ['24 h', 24],
  ['7 days', 168],
  ['31 days', 744],
] as const

/** Hours of events, epoch seconds, both inclusive. */
export interface Hours {
  readonly first: number
  readonly last: number
}

/** The hours that panels of events show: the latest, or those up to the end of a day. Owns the choice. */
export class EventRange {
  #length: number = RANGES[1][1]
  readonly #until = el('input', { type: 'date', id: 'events-until' })
  readonly #listeners: (() => void)[] = []

  constructor() {
    const choose = (length: number): void => {
      this.#length = length
      this.#tell()
    }
    this.#until.addEventListener('change', () => this.#tell())
    byId('ranges', HTMLElement).append(
      el('span', { class: 'apart' }, 'Events of'),
      choice('Range of events', RANGES, this.#length, choose),
      el('label', { class: 'inline' }, 'up to the day, UTC', this.#until),
    )
  }

  /** How many hours. */
  get length(): number {
    return this.#length
  }

  /** The hours up to the chosen day; null: no day is chosen, so the latest are meant. */
  get hours(): Hours | null {
    const midnight = this.#until.valueAsNumber
    if (Number.isNaN(midnight)) return null
    const last = midnight / 1000 + 23 * HOUR_S
    return { first: last - (this.#length - 1) * HOUR_S, last }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Query parameters of routes that list hours. */
export function hoursQuery({ first, last }: Hours): URLSearchParams {
  const instant = (seconds: number): string => new Date(seconds * 1000).toISOString()
  return new URLSearchParams({ from: instant(first), to: instant(last), limit: '1000' })
}

/** The words of a panel that could not get the hours up to the chosen day. */
export function unknownHours(error: unknown): string {
  return `Not known for these hours: ${error instanceof Error ? error.message : String(error)}`
}
