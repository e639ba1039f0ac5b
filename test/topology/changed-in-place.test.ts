import { describe, expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { CommitFailedError } from '../../state/ports/errors.ts'
import {
  type KeyValueStore,
  keyValueStore,
  type Plan,
  type ProcessorContext,
  record,
  StreamsBuilder,
  serdes,
  sessionWindows,
  slidingWindows,
  timeWindows,
} from '../../topology/index.ts'
import { MemoryApp } from '../support/memory-app.ts'

interface Count {
  n: number
}
const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const count = serdes.json<Count>()
const zero = (): Count => ({ n: 0 })
/** A common way to write it: changes the given aggregate in place. */
const inPlace = (_key: string, _value: string, aggregate: Count): Count => {
  aggregate.n++
  return aggregate
}
const five = ['a', 'a', 'a', 'a', 'a']

/** The same records through a running instance and through the test driver; `between` commits after each in the instance. */
async function bothWays(plan: Plan, keys: readonly string[], internal: readonly string[] = []) {
  const driver = new TopologyTestDriver(plan)
  const input = driver.inputTopic('in', serdes.string, serdes.string)
  for (const [at, key] of keys.entries()) input.pipeInput(key, 'x', at)
  const inDriver = driver.outputTopic('out', serdes.string, serdes.string).readRecords()
  driver.close()
  const topics = Object.fromEntries(['in', 'out', ...internal].map((topic) => [topic, 1]))
  const app = new MemoryApp({ plan, topics })
  for (const [timestamp, key] of keys.entries()) app.produce('in', key, 'x', { timestamp })
  await app.start()
  for (const topic of ['in', ...internal]) await app.drained(topic)
  const onCluster = app.lines('out')
  await app.instance.close()
  return { inDriver: inDriver.map(({ key, value }) => `${key}=${value}`), onCluster }
}

const planOf = (build: (builder: StreamsBuilder) => void): Plan => {
  const builder = new StreamsBuilder()
  build(builder)
  return builder.build().build({ applicationId: 'app' })
}

describe('an aggregate that is changed in place', () => {
  it('counts 1 to 5 without a cache, on the cluster and in the test driver', async () => {
    const plan = planOf((builder) =>
      builder
        .stream<string, string>('in', TEXT)
        .groupByKey()
        .aggregate({
          initializer: zero,
          aggregator: inPlace,
          materialized: { name: 'counts', valueSerde: count, caching: false },
        })
        .toStream()
        .to('out', { keySerde: serdes.string, valueSerde: count }),
    )
    const expected = [1, 2, 3, 4, 5].map((n) => `a={"n":${n}}`)
    expect(await bothWays(plan, five)).toEqual({ inDriver: expected, onCluster: expected })
  })

  it.each([true, false])('is subtracted from its group as it was before, caching %s', async (caching) => {
    const plan = planOf((builder) =>
      builder
        .stream<string, string>('in', TEXT)
        .groupByKey()
        .aggregate({
          initializer: zero,
          aggregator: inPlace,
          materialized: { name: 'counts', valueSerde: count, caching },
        })
        .groupBy((_key, value) => ['all', value] as [string, Count], {
          name: 'all',
          keySerde: serdes.string,
          valueSerde: count,
        })
        .aggregate<Count, Count>({
          initializer: zero,
          adder: (_key, value, sum) => {
            sum.n += value.n
            return sum
          },
          subtractor: (_key, value, sum) => {
            sum.n -= value.n
            return sum
          },
          materialized: { name: 'sums', valueSerde: count, caching },
        })
        .toStream()
        .to('out', { keySerde: serdes.string, valueSerde: count }),
    )
    const { inDriver, onCluster } = await bothWays(plan, ['a', 'a', 'b', 'a'], ['app-all-repartition'])
    expect(inDriver).toEqual([1, 2, 3, 4].map((n) => `all={"n":${n}}`))
    expect(onCluster.at(-1)).toBe('all={"n":4}')
  })

  it('in sliding windows leaves the windows beside it unchanged', () => {
    const run = (aggregator: (key: string, value: string, sum: Count) => Count): unknown => {
      const plan = planOf((builder) =>
        builder
          .stream<string, string>('in', TEXT)
          .groupByKey()
          .windowedBy(slidingWindows({ timeDifferenceMs: 10, graceMs: 100 }))
          .aggregate({ initializer: zero, aggregator, materialized: { name: 'w', valueSerde: count, caching: false } })
          .toStream()
          .map(({ key, window }, value) => [`${key}@${window.start}`, value] as [string, Count])
          .to('out', { keySerde: serdes.string, valueSerde: count }),
      )
      const driver = new TopologyTestDriver(plan)
      const input = driver.inputTopic('in', serdes.string, serdes.string)
      for (const time of [3, 20, 15, 25, 18, 5, 22, 1]) input.pipeInput('a', 'x', time)
      return driver.outputTopic('out', serdes.string, count).readRecords()
    }
    expect(run(inPlace)).toEqual(run((_key, _value, { n }) => ({ n: n + 1 })))
  })

  it.each([
    ['hopping windows', timeWindows({ sizeMs: 4, advanceMs: 2 })],
    ['sliding windows', slidingWindows({ timeDifferenceMs: 3 })],
  ])('is sent as it was when a group of %s loses it', (_name, windows) => {
    const run = (aggregator: (key: string, value: string, sum: Count) => Count): unknown => {
      const plan = planOf((builder) =>
        builder
          .stream<string, string>('in', TEXT)
          .groupByKey()
          .windowedBy(windows)
          .aggregate({ initializer: zero, aggregator, materialized: { name: 'w', valueSerde: count, caching: false } })
          .groupBy((_window, value) => ['all', value] as [string, Count], {
            name: 'all',
            keySerde: serdes.string,
            valueSerde: count,
          })
          .aggregate<Count, Count>({
            initializer: zero,
            adder: (_key, value, sum) => ({ n: sum.n + value.n }),
            subtractor: (_key, value, sum) => ({ n: sum.n - value.n }),
            materialized: { name: 'sums', valueSerde: count },
          })
          .toStream()
          .to('out', { keySerde: serdes.string, valueSerde: count }),
      )
      const driver = new TopologyTestDriver(plan)
      const input = driver.inputTopic('in', serdes.string, serdes.string)
      for (const time of [1, 2, 2, 4, 5]) input.pipeInput('a', 'x', time)
      return driver.outputTopic('out', serdes.string, count).readRecords()
    }
    expect(run(inPlace)).toEqual(run((_key, _value, { n }) => ({ n: n + 1 })))
  })

  it('in merging sessions is deleted as it was', () => {
    const run = (merger: (key: string, left: Count, right: Count) => Count): unknown => {
      const plan = planOf((builder) =>
        builder
          .stream<string, string>('in', TEXT)
          .groupByKey()
          .windowedBySession(sessionWindows({ inactivityGapMs: 5, graceMs: 100 }))
          .aggregate({
            initializer: zero,
            aggregator: inPlace,
            merger,
            materialized: { name: 's', valueSerde: count, caching: false },
          })
          .groupBy((_window, value) => ['all', value] as [string, Count], {
            name: 'all',
            keySerde: serdes.string,
            valueSerde: count,
          })
          .aggregate<Count, Count>({
            initializer: zero,
            adder: (_key, value, sum) => ({ n: sum.n + value.n }),
            subtractor: (_key, value, sum) => ({ n: sum.n - value.n }),
            materialized: { name: 'sums', valueSerde: count },
          })
          .toStream()
          .to('out', { keySerde: serdes.string, valueSerde: count }),
      )
      const driver = new TopologyTestDriver(plan)
      const input = driver.inputTopic('in', serdes.string, serdes.string)
      for (const time of [1, 20, 2, 12, 7, 16]) input.pipeInput('a', 'x', time)
      return driver.outputTopic('out', serdes.string, count).readRecords()
    }
    const growing = (_key: string, left: Count, right: Count): Count => {
      right.n += left.n
      return right
    }
    expect(run(growing)).toEqual(run((_key, left, right) => ({ n: left.n + right.n })))
  })
})

/** get, change, put, and another change after the put. */
function processorPlan(
  options: { immutableValues?: boolean; valueSerde?: ReturnType<typeof serdes.json<Count>> } = {},
): Plan {
  const spec = keyValueStore({ name: 'counts', keySerde: serdes.string, valueSerde: count, ...options })
  return planOf((builder) =>
    builder
      .stream<string, string>('in', TEXT)
      .process(
        () => {
          let context: ProcessorContext<string, Count>
          let store: KeyValueStore<string, Count>
          return {
            init: (given) => {
              context = given
              store = given.store('counts')
            },
            process({ key, timestamp }) {
              const row = store.get(key) ?? zero()
              row.n++
              store.put(key, row)
              context.forward(record(key, row, timestamp))
              row.n = 99
            },
          }
        },
        { name: 'step', stores: [spec] },
      )
      .to('out', { keySerde: serdes.string, valueSerde: count }),
  )
}

describe('a row that a processor changes in place', () => {
  const expected = [1, 2, 3, 4, 5].map((n) => `a={"n":${n}}`)

  it('is changed only by put()', async () => {
    expect(await bothWays(processorPlan(), five)).toEqual({ inDriver: expected, onCluster: expected })
  })

  it('is as it was committed when the commit fails and its records are processed again', async () => {
    const app = new MemoryApp({ plan: processorPlan(), topics: { in: 1, out: 1 } })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    let failures = 2
    app.writer.before = async ({ batch }) => {
      if (batch.records > 0 && failures-- > 0) throw new CommitFailedError('lost')
    }
    for (let i = 0; i < 4; i++) app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.lines('out')).toEqual(expected)
    await app.instance.close()
  })

  it('that was declared immutable is a TypeError in the test driver', () => {
    const driver = new TopologyTestDriver(processorPlan({ immutableValues: true }))
    const input = driver.inputTopic('in', serdes.string, serdes.string)
    expect(() => input.pipeInput('a', 'x')).toThrow(/step.*offset 0 of in-0.*read only property 'n'/)
  })

  it('with data that its serde loses is in the test driver what it is after a restart', () => {
    const plan = planOf((builder) => {
      const spec = keyValueStore({ name: 'dates', keySerde: serdes.string, valueSerde: serdes.json<{ at: unknown }>() })
      builder.stream<string, string>('in', TEXT).process(
        () => {
          let store: KeyValueStore<string, { at: unknown }>
          return {
            init: (given) => {
              store = given.store('dates')
            },
            process: ({ key }) => store.put(key, { at: new Date(0) }),
          }
        },
        { stores: [spec] },
      )
    })
    const driver = new TopologyTestDriver(plan)
    driver.inputTopic('in', serdes.string, serdes.string).pipeInput('a', 'x')
    expect(driver.store<KeyValueStore<string, unknown>>('dates').get('a')).toEqual({ at: '1970-01-01T00:00:00.000Z' })
  })
})
