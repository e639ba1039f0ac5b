import { expect, it } from 'vitest'
import type { Chain, StoreRow } from '../../../../infra/streams/causes/index.ts'
import { shown } from '../../../../runtime/causes/shown-value.ts'
import { TopologyTestDriver } from '../../../../runtime/memory/test-driver.ts'
import {
  joinWindows,
  type KStream,
  type KTable,
  type ReadOnlyKeyValueStore,
  StreamsBuilder,
  serdes,
  sessionWindows,
  slidingWindows,
  timeWindows,
  type Windowed,
} from '../../../../topology/index.ts'
import { causeOf, ranOver, type SentRecord } from '../../../support/asked-causes.ts'

/*
 * For every kind of operator: each record that an application wrote is asked about. The oracle is TopologyTestDriver, which gets one input
 * record after the other: the named one must be the one that makes the driver write that record, and rows must be those of the driver's
 * stores before and after it.
 */

type Build = (left: KStream<string, string>, right: KStream<string, string>, builder: StreamsBuilder) => void

const out = <V>(stream: KStream<string, V>): void =>
  stream.mapValues((value) => JSON.stringify(value)).to('out', { valueSerde: serdes.string })

const byKey = <V>(table: KTable<Windowed<string>, V>): void =>
  out(table.toStream().selectKey(({ key, window }) => `${key}@${window.start}`))

/** The fourth record after one closes its window. It is one of the other side. */
const CLOSED_BY_OTHERS = joinWindows({ timeDifferenceMs: 15, graceMs: 7 })

const OPERATORS: Readonly<Record<string, Build>> = {
  'filter, map, flatMap, merge, branches': (left, right) => {
    const all = left.filter((_key, value) => value !== 'v3').merge(right.filterNot((_key, value) => value === 'v4'))
    const branches = all
      .map((key, value) => [key.toUpperCase(), value])
      .flatMap((key, value) => [
        [key, value],
        [key, `${value}!`],
      ])
      .split({ name: 'parts-' })
      .branch((key) => key === 'A', { name: 'a' })
      .defaultBranch({ name: 'others' })
    for (const branch of branches.values()) out(branch.peek(() => undefined))
  },
  count: (left) =>
    out(
      left
        .groupByKey()
        .count({ materialized: { name: 'rows' } })
        .toStream(),
    ),
  'reduce, without a cache': (left) =>
    out(
      left
        .groupByKey()
        .reduce((a, b) => a + b, { materialized: { name: 'rows', caching: false } })
        .toStream(),
    ),
  'aggregate that changes its value in place': (left) =>
    out(
      left
        .groupByKey()
        .aggregate<string[]>({
          initializer: () => [],
          aggregator: (_key, value, list) => {
            list.push(value)
            return list
          },
          materialized: { name: 'rows', valueSerde: serdes.json<string[]>() },
        })
        .toStream(),
    ),
  'a table grouped by another key': (left) =>
    out(
      left
        .toTable({ materialized: { name: 'latest' } })
        .groupBy((key, value) => [value, key])
        .count({ materialized: { name: 'rows' } })
        .toStream(),
    ),
  'windows, with a final result': (left) =>
    byKey(
      left
        .groupByKey()
        .windowedBy(timeWindows({ sizeMs: 20, advanceMs: 10, graceMs: 5 }))
        .count({ materialized: { name: 'windows' } })
        .suppress({ until: 'window-closes' }),
    ),
  'sliding windows': (left) =>
    byKey(
      left
        .groupByKey()
        .windowedBy(slidingWindows({ timeDifferenceMs: 15, graceMs: 50 }))
        .count(),
    ),
  'session windows': (left) =>
    byKey(
      left
        .groupByKey()
        .windowedBySession(sessionWindows({ inactivityGapMs: 15, graceMs: 50 }))
        .count(),
    ),
  'stream with stream': (left, right) =>
    out(left.join(right, { joiner: (a, b) => `${a}+${b}`, windows: joinWindows({ timeDifferenceMs: 15 }) })),
  'stream with stream, left': (left, right) =>
    out(left.leftJoin(right, { joiner: (a, b) => `${a}+${b}`, windows: CLOSED_BY_OTHERS })),
  'stream with stream, outer': (left, right) =>
    out(left.outerJoin(right, { joiner: (a, b) => `${a}+${b}`, windows: CLOSED_BY_OTHERS })),
  'stream with table': (left, right) =>
    out(left.joinTable(right.toTable({ materialized: { name: 'rows' } }), { joiner: (a, b) => `${a}+${b}` })),
  // With caching, a commit passes on one table behind the other: what comes between never was, record by record.
  'table with table': (left, right) =>
    out(
      left
        .toTable({ materialized: { name: 'left', caching: false } })
        .outerJoin(right.toTable({ materialized: { name: 'right', caching: false } }), {
          joiner: (a, b) => `${a}+${b}`,
        })
        .toStream(),
    ),
  'table with table, by a foreign key': (left, right) =>
    out(
      left
        .toTable({ materialized: { name: 'left' } })
        .leftJoinOnForeignKey(right.toTable({ materialized: { name: 'right' } }), {
          foreignKeyExtractor: (value) => (value < 'v4' ? 'a' : 'b'),
          joiner: (a, b) => `${a}+${b}`,
        })
        .toStream(),
    ),
  'a versioned table': (left, right) =>
    out(
      right.joinTable(left.toTable({ materialized: { name: 'versions', historyRetentionMs: 1000 } }), {
        joiner: (a, b) => `${a}+${b}`,
      }),
    ),
}

const INPUT: readonly SentRecord[] = Array.from({ length: 14 }, (_, i) => ({
  topic: i % 3 === 1 ? 'right' : 'left',
  key: 'abc'[(i + Math.floor(i / 3)) % 3] ?? 'a',
  value: `v${i % 6}`,
  timestamp: 100 + i * 7,
}))

/** `key=value@time` of a record. */
const lineOf = ({ key, value, timestamp }: { key: Buffer | null; value: Buffer | null; timestamp: number }): string =>
  `${key}=${value}@${timestamp}`

/** The driver after the first `count` records, with what the last of them made it write. */
function driven(
  build: () => ReturnType<typeof planOf>,
  count: number,
): { driver: TopologyTestDriver; wrote: string[] } {
  const driver = new TopologyTestDriver(build())
  for (const { topic, key, value, timestamp } of INPUT.slice(0, count)) {
    driver.readOutput('out')
    driver.pipeInput(topic, { key: Buffer.from(key ?? ''), value: Buffer.from(value ?? ''), timestamp })
  }
  return { driver, wrote: driver.readOutput('out').map(lineOf) }
}

function planOf(build: Build) {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  build(builder.stream<string, string>('left'), builder.stream<string, string>('right'), builder)
  return builder.build().build({ applicationId: 'app' })
}

/** Rows of the whole chain by store and key: before its first step, and after its last. */
function rowsOf(chain: Chain | null): Map<string, StoreRow> {
  const rows = new Map<string, StoreRow>()
  for (const row of (chain?.steps ?? []).flatMap((step) => step.rows)) {
    const name = `${row.store} ${JSON.stringify(row.key)}`
    rows.set(name, { ...row, before: rows.get(name)?.before ?? row.before })
  }
  return rows
}

it.each(Object.entries(OPERATORS))('%s', async (_name, build) => {
  const plan = planOf(build)
  const app = await ranOver(plan, INPUT, { left: 1, right: 1, out: 1 })
  const records = app.records('out')
  expect(records.length).toBeGreaterThan(1)
  const steps = INPUT.map((_, i) => driven(() => planOf(build), i + 1))
  const empty = driven(() => planOf(build), 0)
  for (const record of records) {
    const { how, input, chain } = await causeOf(app, plan, `out:0:${record.offset}`)
    const index = INPUT.findIndex(({ timestamp }) => timestamp === input?.timestamp)
    const wrote = steps[index]?.wrote ?? []
    expect([lineOf(record), how, wrote]).toEqual([lineOf(record), 'same', expect.arrayContaining([lineOf(record)])])
    for (const { store, key, before, after } of rowsOf(chain).values()) {
      if (!['rows', 'latest', 'left', 'right', 'versions'].includes(store)) continue
      const rowIn = (driver: TopologyTestDriver | undefined) =>
        shown(driver?.store<ReadOnlyKeyValueStore<unknown, unknown>>(store).get(key))
      const given = [store, key, before, after]
      expect(given).toEqual([store, key, rowIn((steps[index - 1] ?? empty).driver), rowIn(steps[index]?.driver)])
    }
  }
  for (const { driver } of [...steps, empty]) driver.close()
})
