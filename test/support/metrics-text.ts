/** One sample of a Prometheus text. */
export interface MetricLine {
  readonly name: string
  /** Name of the metric it belongs to: without _bucket, _sum, _count. */
  readonly family: string
  readonly type: string
  /** In the order of their names. */
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads Prometheus' text format; throws when a line is none, or stands under no type. */
export function parseMetrics(text: string): readonly MetricLine[] {
  const lines: MetricLine[] = []
  let family = ''
  let type = ''
  for (const line of text.split('\n')) {
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (declared !== null) [, family = '', type = ''] = declared
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', labelText = '', value = ''] = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? []
    if (name.replace(/_(bucket|sum|count)$/, '') !== family && name !== family) throw new Error(`no sample: ${line}`)
    const labels = [...labelText.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/gi)].map(
      ([, key, text]) => [key, text] as const,
    )
    labels.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    lines.push({ name, family, type, labels: Object.fromEntries(labels), value: Number(value) })
  }
  return lines
}
