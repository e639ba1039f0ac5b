import uPlot from './lib/uplot.js'

export interface Line {
  readonly label: string
  /** A custom property of style.css. */
  readonly color: string
  readonly kind: 'line' | 'bars'
  readonly format: (value: number) => string
  readonly dashed?: boolean
}

export interface ChartOptions {
  readonly place: HTMLElement
  /** Name of the chart for people who cannot see it. */
  readonly label: string
  readonly lines: readonly Line[]
  readonly axisFormat: (value: number) => string
  readonly logarithmic?: boolean
  /** All times are UTC. True: days and hours of events; else seconds of the clock. */
  readonly utc?: boolean
}

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const DAY_S = 86_400

/** A chart over time that keeps to the size of its place and to the colours of the theme. */
export class TimeChart {
  readonly #options: ChartOptions
  #plot: uPlot | null = null
  #data: uPlot.AlignedData = [[]]

  constructor(options: ChartOptions) {
    this.#options = options
    const { place, label } = options
    place.setAttribute('role', 'img')
    place.setAttribute('aria-label', label)
    new ResizeObserver(() => this.#resize()).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#rebuild())
  }

  /** First the times (epoch seconds), then the values of each line. */
  show(data: uPlot.AlignedData, summary: string): void {
    this.#data = data
    this.#options.place.setAttribute('aria-label', `${this.#options.label}: ${summary}`)
    if (this.#plot === null) this.#rebuild()
    else this.#plot.setData(data)
    this.#showLatest()
  }

  #size(): { width: number; height: number } {
    const { clientWidth, clientHeight } = this.#options.place
    // The legend stands below the plot, on a phone in two lines.
    const legend = this.#options.lines.length > 2 && clientWidth < 420 ? 48 : 28
    return { width: Math.max(120, clientWidth), height: Math.max(80, clientHeight - legend) }
  }

  #resize(): void {
    this.#plot?.setSize(this.#size())
    this.#showLatest()
  }

  /** The legend shows the newest values unless the pointer is on the chart. */
  #showLatest(): void {
    const isPointed = (this.#plot?.cursor.left ?? -1) >= 0
    if (!isPointed && this.#data[0].length > 0) this.#plot?.setLegend({ idx: this.#data[0].length - 1 }, false)
  }

  #rebuild(): void {
    this.#plot?.destroy()
    const { place, lines, logarithmic = false, utc = false } = this.#options
    this.#plot = new uPlot(
      {
        ...this.#size(),
        tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
        padding: [8, 10, 0, 0],
        cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        scales: { y: logarithmic ? { distr: 3 } : { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
        axes: [this.#timeAxis(), this.#valueAxis()],
        series: [
          { label: 'UTC', value: utc ? '{YYYY}-{MM}-{DD} {HH}:{mm}' : '{HH}:{mm}:{ss}' },
          ...lines.map(seriesOf),
        ],
        hooks: { setCursor: [() => this.#showLatest()] },
      },
      this.#data,
      place,
    )
  }

  #timeAxis(): uPlot.Axis {
    const { utc = false } = this.#options
    const clock = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19)
    const hour = (seconds: number, step: number): string => {
      const at = new Date(seconds * 1000)
      if (step < DAY_S && at.getUTCHours() !== 0) return at.toISOString().slice(11, 16)
      return at.toLocaleDateString('en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' })
    }
    return {
      ...axisColors(),
      size: 28,
      space: 80,
      values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => (utc ? hour(tick, step) : clock(tick))),
    }
  }

  #valueAxis(): uPlot.Axis {
    const { axisFormat, logarithmic = false } = this.#options
    const colors = axisColors()
    const values = (_plot: uPlot, ticks: (number | null)[]): string[] =>
      ticks.map((tick) => (tick === null ? '' : axisFormat(tick)))
    if (!logarithmic) return { ...colors, size: 58, values }
    // A line for each power of ten is enough.
    const powers = (_plot: uPlot, ticks: (number | null)[]): (number | null)[] =>
      ticks.map((tick) => (tick !== null && Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6) ? tick : null))
    return { ...colors, size: 58, values, filter: powers, grid: { ...colors.grid, filter: powers } }
  }
}

function axisColors() {
  return { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } }
}

function seriesOf({ label, color: name, kind, format, dashed = false }: Line): uPlot.Series {
  const stroke = color(name)
  return {
    label,
    stroke,
    width: kind === 'bars' ? 0 : 2,
    points: { show: false },
    spanGaps: false,
    value: (_plot, value: number | null) => (value === null ? '–' : format(value)),
    ...(dashed ? { dash: [4, 4] } : {}),
    ...(kind === 'bars' ? { fill: stroke, paths: uPlot.paths.bars?.({ size: [0.85, 60, 1] }) } : {}),
  }
}
