import { describe, expect, it } from 'vitest'
import type { TopologyJson } from '../../topology/index.ts'
import { StreamsBuilder, serdes, timeWindows, topologyDiff } from '../../topology/index.ts'

const S = serdes.string
const TEXT = { keySerde: S, valueSerde: S }

/** A bit of everything that shows in a description. */
function build(more: (builder: StreamsBuilder) => void = () => undefined): StreamsBuilder {
  const builder = new StreamsBuilder()
  more(builder)
  const zones = builder.globalTable<string, string>('zones', { ...TEXT, materialized: { name: 'zones' } })
  const drivers = builder.table<string, string>('drivers', { ...TEXT, materialized: { name: 'drivers' } })
  const rides = builder.stream<string, string>(['rides', 'rides-old'], TEXT)
  rides
    .joinGlobal(zones, { keySelector: (_key, ride) => ride, joiner: (ride, zone) => ride + zone, name: 'with-zone' })
    .to('rides-with-zone', TEXT)
  rides
    .selectKey((_key, ride) => ride, { name: 'by-driver' })
    .leftJoinTable(drivers, { joiner: (ride, driver) => `${ride}${driver}`, name: 'with-driver', ...TEXT })
    .groupByKey({ ...TEXT, name: 'rides-by-driver' })
    .windowedBy(timeWindows({ sizeMs: 60_000, graceMs: 5_000 }))
    .lateRecordsTo('too-late')
    .count({ materialized: { name: 'rides-per-minute' }, name: 'count-rides' })
    .suppress({ until: 'window-closes', name: 'final' })
    .toStream({ name: 'counts' })
    .to((_key, count) => (count === null ? 'none' : 'some'), { name: 'count-topics' })
  return builder
}

describe('descriptions', () => {
  it('as text, JSON and Mermaid equal the golden files', async () => {
    const description = build().build().describe()
    await expect(`${description}`).toMatchFileSnapshot('golden/rides.golden.txt')
    await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot('golden/rides.golden.json')
    await expect(description.toMermaid()).toMatchFileSnapshot('golden/rides.golden.mmd')
  })
})

describe('the difference between two topologies', () => {
  const json = (builder: StreamsBuilder): TopologyJson => JSON.parse(JSON.stringify(builder.build().describe()))

  it('is empty for the same program', () => {
    expect(topologyDiff(json(build()), json(build()))).toEqual({
      orphanedTopics: [],
      orphanedStores: [],
      rebuiltStores: [],
      newTopics: [],
      renumbered: [],
    })
  })

  it('a subtopology in front renumbers the others, and their stores move', () => {
    const after = build((builder) => builder.stream<string, string>('first', TEXT).to('second'))
    expect(topologyDiff(json(build()), json(after))).toEqual({
      orphanedTopics: [],
      orphanedStores: [],
      rebuiltStores: [
        { name: 'drivers', why: 'moved' },
        { name: 'final-store', why: 'moved' },
        { name: 'rides-per-minute', why: 'moved' },
      ],
      newTopics: [],
      renumbered: [
        { from: 1, to: 2 },
        { from: 2, to: 3 },
      ],
    })
  })

  it('generated names change when an operator is added before them, and data is orphaned', () => {
    const program = (more: boolean) => {
      const builder = new StreamsBuilder()
      const stream = builder.stream<string, string>('in', TEXT)
      const kept = more ? stream.filter(() => true) : stream
      kept.groupBy((_key, value) => value, TEXT).count()
      return builder
    }
    expect(topologyDiff(json(program(false)), json(program(true)))).toEqual({
      orphanedTopics: [
        'KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog',
        'KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition',
      ],
      orphanedStores: ['KSTREAM-AGGREGATE-STATE-STORE-0000000002'],
      rebuiltStores: [{ name: 'KSTREAM-AGGREGATE-STATE-STORE-0000000003', why: 'new' }],
      newTopics: ['KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition'],
      renumbered: [],
    })
  })

  it('a store of another kind or without its changelog starts empty', () => {
    const program = (materialized: object, windowed: boolean) => {
      const builder = new StreamsBuilder()
      const grouped = builder.stream<string, string>('in', TEXT).groupByKey(TEXT)
      if (windowed)
        grouped.windowedBy(timeWindows({ sizeMs: 1 })).count({ materialized: { name: 'counts', ...materialized } })
      else grouped.count({ materialized: { name: 'counts', ...materialized } })
      return json(builder)
    }
    const before = program({}, false)
    expect(topologyDiff(before, program({}, true)).rebuiltStores).toEqual([{ name: 'counts', why: 'kind' }])
    const unlogged = topologyDiff(before, program({ logging: false }, false))
    expect(unlogged.rebuiltStores).toEqual([{ name: 'counts', why: 'changelog' }])
    expect(unlogged.orphanedTopics).toEqual(['counts-changelog'])
  })
})
