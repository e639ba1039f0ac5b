import type { Flow, FlowPoint } from '../../sections/index.ts'
import { TimeChart } from '../charts.ts'
import { byId, choice, el, showProblem } from '../dom.ts'
import { count, duration, shortCount } from '../format.ts'
import { getJson } from '../session.ts'

/** Ten minutes, one a second. */
const POINTS = 600
/** Seconds that may be shown, and the steps in which the server keeps them. */
const RANGES = [
  ['10 min', 600],
  ['1 h', 3600],
  ['1 day', 86_400],
] as const
const STEP_MS: Readonly<Record<number, number>> = { 3600: 10_000, 86400: 120_000 }

/** Rate, lag and latency over the last minutes, hour or day. Owns their points. */
export class FlowCharts {
  /** The last ten minutes, kept also while something else is shown. */
  #points: FlowPoint[] = []
  /** Points of a longer range; null: the last ten minutes are shown. */
  #past: readonly FlowPoint[] | null = null
  #seconds: number = POINTS
  #loadedAt = 0
  /** Number of the latest choice, so that a late answer to an older one is not shown. */
  #turn = 0
  readonly #rate = new TimeChart({
    place: byId('rate-chart', HTMLElement),
    label: 'Processing rate, records per second',
    lines: [{ label: 'records/s', color: '--blue', kind: 'line', format: count }],
    axisFormat: shortCount,
  })
  readonly #lag = new TimeChart({
    place: byId('lag-chart', HTMLElement),
    label: 'Lag, records',
    lines: [{ label: 'records', color: '--orange', kind: 'line', format: count }],
    axisFormat: shortCount,
  })
  readonly #latency = new TimeChart({
    place: byId('latency-chart', HTMLElement),
    label: 'Latency in milliseconds',
    lines: [
      { label: 'e2e p50', color: '--violet', kind: 'line', format: milliseconds, dashed: true },
      { label: 'e2e p99', color: '--violet', kind: 'line', format: milliseconds },
      { label: 'commit p50', color: '--green', kind: 'line', format: milliseconds, dashed: true },
      { label: 'commit p99', color: '--green', kind: 'line', format: milliseconds },
    ],
    axisFormat: milliseconds,
    logarithmic: true,
  })

  constructor() {
    const choose = (seconds: number): void => {
      this.#seconds = seconds
      void this.#load()
    }
    byId('ranges', HTMLElement).prepend(
      el('span', {}, 'Rate, lag and latency of the last'),
      choice('Range of rate, lag and latency', RANGES, this.#seconds, choose),
    )
  }

  /** Starts with the points from before this page was opened. */
  begin(points: readonly FlowPoint[]): void {
    this.#points = [...points]
    this.#draw()
  }

  add({ at, recordsPerSecond, lag, endToEnd, commit }: Flow): void {
    // The history may have the newest point already.
    if (at <= (this.#points.at(-1)?.[0] ?? 0)) return
    this.#points.push([at, recordsPerSecond, lag, endToEnd.p50, endToEnd.p99, commit.p50, commit.p99])
    if (this.#points.length > POINTS) this.#points.shift()
    if (this.#past === null) this.#draw()
    else if (at - this.#loadedAt >= (STEP_MS[this.#seconds] ?? 0)) void this.#load()
  }

  /** The points of the chosen range. */
  async #load(): Promise<void> {
    const turn = ++this.#turn
    const seconds = this.#seconds
    this.#loadedAt = this.#points.at(-1)?.[0] ?? 0
    let past: readonly FlowPoint[] | null = null
    try {
      if (seconds > POINTS) past = (await getJson(`dashboard/history?seconds=${seconds}`)) as readonly FlowPoint[]
      if (turn === this.#turn) showProblem('flow', null)
    } catch (error) {
      if (turn === this.#turn) showProblem('flow', error instanceof Error ? error.message : String(error))
      return
    }
    if (turn !== this.#turn) return
    this.#past = past
    this.#draw()
  }

  #draw(): void {
    const points = this.#past ?? this.#points
    const last = points.at(-1)
    if (last === undefined) return
    const times = points.map(([at]) => at / 1000)
    const [, rate, lag, , endToEnd, , commit] = last
    this.#rate.show([times, points.map((point) => point[1])], `now ${rate === null ? 'unknown' : count(rate)}`)
    this.#lag.show([times, points.map((point) => point[2])], `now ${lag === null ? 'unknown' : count(lag)}`)
    const ms = (index: 3 | 4 | 5 | 6) => points.map((point) => atLeast(point[index]))
    const words = (seconds: number | null): string => (seconds === null ? 'unknown' : duration(seconds))
    this.#latency.show(
      [times, ms(3), ms(4), ms(5), ms(6)],
      `end-to-end p99 ${words(endToEnd)}, commit p99 ${words(commit)}`,
    )
  }
}

/** A logarithmic scale has no 0. */
const atLeast = (seconds: number | null): number | null => (seconds === null ? null : Math.max(0.1, seconds * 1000))

function milliseconds(value: number): string {
  return duration(value / 1000)
}
