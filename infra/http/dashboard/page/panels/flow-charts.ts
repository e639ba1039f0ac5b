import type { Flow, FlowPoint } from '../../sections/index.ts'
import { TimeChart } from '../charts.ts'
import { byId } from '../dom.ts'
import { count, duration, shortCount } from '../format.ts'

/** Ten minutes, one a second. */
const POINTS = 600

/** Rate, lag and latency over the last ten minutes. Owns their points. */
export class FlowCharts {
  #points: FlowPoint[] = []
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
    this.#draw()
  }

  #draw(): void {
    const points = this.#points
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
