import { expect, it } from 'vitest'
import { TopicRates } from '../../../../infra/http/dashboard/topic-rates.ts'
import type { MetricFamily } from '../../../../runtime/ports/metrics.ts'
import { StreamsBuilder, serdes } from '../../../../topology/index.ts'

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>('lines')
  .groupBy((_key, word) => word, { name: 'by-word' })
  .count()
const plan = builder.build().build({ applicationId: 'words' })
const INTERNAL = 'words-by-word-repartition'

function counters(name: string, byTopic: Readonly<Record<string, number>>): MetricFamily {
  const samples = Object.entries(byTopic).map(([topic, value]) => ({ labels: { topic }, value }))
  return { name, help: '', type: 'counter', samples, histograms: [] }
}
const metrics = (lines: number, internal: { readonly read: number; readonly written: number }): MetricFamily[] => [
  counters('records_processed_total', { lines, [INTERNAL]: internal.read }),
  counters('records_produced_total', { [INTERNAL]: internal.written }),
]

it('rates are per second since the reading before, and name internal topics as the topology does', () => {
  let now = 0
  const rates = new TopicRates(() => now)
  expect(plan.internalTopics.map(({ name }) => name)).toContain(INTERNAL)
  expect(rates.read(plan, metrics(100, { read: 0, written: 0 }))).toEqual([])
  now = 2000
  expect(rates.read(plan, metrics(140, { read: 10, written: 30 }))).toEqual([
    ['lines', 20, 0],
    ['by-word-repartition', 5, 15],
  ])
})

it('counters that begin again give no negative rate', () => {
  let now = 0
  const rates = new TopicRates(() => now)
  rates.read(plan, metrics(100, { read: 5, written: 5 }))
  now = 1000
  expect(rates.read(plan, metrics(3, { read: 0, written: 0 }))).toEqual([
    ['lines', 0, 0],
    ['by-word-repartition', 0, 0],
  ])
})

it('the first reading after a pause gives no rate, since it would be that of the whole pause', () => {
  let now = 0
  const rates = new TopicRates(() => now)
  rates.read(plan, metrics(0, { read: 0, written: 0 }))
  now = 60_000
  expect(rates.read(plan, metrics(1000, { read: 0, written: 0 }))).toEqual([])
  now = 61_000
  expect(rates.read(plan, metrics(1010, { read: 0, written: 0 }))).toContainEqual(['lines', 10, 0])
})
