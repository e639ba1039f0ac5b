export interface Point {
  /** Ms since time 0. */
  readonly atMs: number
  readonly value: number
}

/** How the points of a bucket become one number. */
export type Summary = (values: readonly number[]) => number

export interface Series {
  readonly shape: 'bar' | 'line'
  readonly points: readonly Point[]
  readonly summary: Summary
}

export interface Chart {
  readonly title: string
  readonly unit: string
  readonly seconds: number
  readonly series: readonly Series[]
}

/** So many values fit into a line of the page: 120 characters. */
export const BUCKETS = 15

export const mean: Summary = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** A code block that GitHub and others draw (mermaid's xychart): each series in buckets of equal length. */
export function chartBlock({ title, unit, seconds, series }: Chart): string {
  const rows = series.map(({ shape, points, summary }) => ({ shape, values: buckets(points, seconds, summary) }))
  const most = Math.max(1, ...rows.flatMap(({ values }) => values))
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${title}"`,
    `  x-axis "seconds" 0 --> ${seconds}`,
    `  y-axis "${unit}" 0 --> ${Math.ceil(most * 1.05)}`,
    ...rows.map(({ shape, values }) => `  ${shape} [${values.join(',')}]`),
    '```',
  ].join('\n')
}

/** Whole numbers; a bucket without points is 0. */
export function buckets(
  points: readonly Point[],
  seconds: number,
  summary: Summary,
  count = BUCKETS,
): readonly number[] {
  const lengthMs = (seconds * 1000) / count
  const values = Array.from({ length: count }, (): number[] => [])
  for (const { atMs, value } of points) values[Math.floor(atMs / lengthMs)]?.push(value)
  return values.map((some) => (some.length === 0 ? 0 : Math.round(summary(some))))
}
