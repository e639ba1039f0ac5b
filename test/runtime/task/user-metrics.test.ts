import { expect, it } from 'vitest'
import { renderFamilies } from '../../../infra/metrics/render.ts'
import { isEngineMetric, UserMetrics } from '../../../runtime/task/user-metrics.ts'
import { type Plan, type ProcessorContext, StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }

/** Counts orders by kind, keeps the last amount, and the distribution of amounts. */
function plan(): Plan {
  const builder = new StreamsBuilder()
  builder.stream('in', TEXT).process(() => {
    let context!: ProcessorContext
    return {
      init: (given) => {
        context = given
      },
      process: ({ value }) => {
        const amount = Number(value)
        const labels = { kind: amount > 100 ? 'large' : 'small' }
        context.metrics.counter('orders_total', { help: 'Orders, by kind', labels }).add()
        context.metrics.gauge('last_amount', { help: 'Amount of the last order' }).set(amount)
        context.metrics.histogram('amounts', { help: 'Amounts of orders', bounds: [10, 100] }).observe(amount)
      },
    }
  })
  return builder.build().build({ applicationId: 'app' })
}

it('shows counters, gauges and histograms of processors in metrics(), tasks added up', async () => {
  const app = new MemoryApp({ plan: plan(), topics: { in: 2 } })
  for (const [partition, amount] of [
    [0, 5],
    [0, 500],
    [1, 50],
  ] as const)
    app.produce('in', 'k', String(amount), { partition })
  await app.start()
  for (const partition of [0, 1]) await app.drained('in', partition)
  const families = await app.instance.metrics()
  const own = families.filter(({ name }) => ['orders_total', 'last_amount', 'amounts'].includes(name))
  expect((await renderFamilies(own)).trim().split('\n')).toEqual([
    '# HELP orders_total Orders, by kind',
    '# TYPE orders_total counter',
    'orders_total{kind="small"} 2',
    'orders_total{kind="large"} 1',
    '',
    '# HELP last_amount Amount of the last order',
    '# TYPE last_amount gauge',
    'last_amount{task="0_0"} 500',
    'last_amount{task="0_1"} 50',
    '',
    '# HELP amounts Amounts of orders',
    '# TYPE amounts histogram',
    'amounts_bucket{le="10"} 1',
    'amounts_bucket{le="100"} 2',
    'amounts_bucket{le="+Inf"} 3',
    'amounts_sum 555',
    'amounts_count 3',
  ])
  const engine = families.filter((family) => !own.includes(family)).map(({ name }) => name)
  expect(engine.filter((name) => !isEngineMetric(name))).toEqual([])
  await app.instance.close()
})

it('forgets the gauges of a task that has left, and keeps its counters', () => {
  const all = new UserMetrics()
  for (const task of ['0_0', '0_1']) {
    const metrics = all.ofTask(task)
    metrics.gauge('open_trips', { help: 'Open trips' }).set(7)
    metrics.counter('trips_total', { help: 'Trips' }).add(2)
  }
  all.taskClosed('0_0')
  const samples = Object.fromEntries(all.snapshot().map(({ name, samples }) => [name, samples]))
  expect(samples).toEqual({
    open_trips: [{ labels: { task: '0_1' }, value: 7 }],
    trips_total: [{ labels: {}, value: 4 }],
  })
})

it('refuses what Prometheus would not take, and what contradicts an earlier call', () => {
  const metrics = new UserMetrics().ofTask('0_0')
  const help = 'Trips'
  expect(() => metrics.counter('trips-total', { help })).toThrow('"trips-total" is no name of a metric')
  expect(() => metrics.counter('commits_total', { help })).toThrow('metric commits_total is one of the engine')
  expect(() => metrics.counter('trips_total', { help, labels: { __name: 'x' } })).toThrow(
    '"__name" is no name of a label',
  )
  expect(() => metrics.histogram('sizes', { help, bounds: [2, 1] })).toThrow(
    'bounds must be numbers that rise, not 2, 1',
  )
  metrics.counter('trips_total', { help, labels: { kind: 'a' } })
  for (const again of [
    () => metrics.gauge('trips_total', { help, labels: { kind: 'a' } }),
    () => metrics.counter('trips_total', { help: 'Other', labels: { kind: 'a' } }),
    () => metrics.counter('trips_total', { help, labels: { city: 'a' } }),
  ])
    expect(again).toThrow('metric trips_total was asked for before with another type, help, label or bound')
  expect(() => metrics.counter('trips_total', { help, labels: { kind: 'a' } }).add(-1)).toThrow('a counter only grows')
})

it('bounds the series of a metric', () => {
  const metrics = new UserMetrics().ofTask('0_0')
  const counter = (driver: number) => metrics.counter('pings_total', { help: 'Pings', labels: { driver: `${driver}` } })
  for (let driver = 0; driver < 1000; driver++) counter(driver)
  expect(() => counter(1000)).toThrow('metric pings_total has 1000 series; its labels must have fewer values')
  counter(999).add()
})
