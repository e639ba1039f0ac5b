import { describe, expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import {
  type EmitStrategy,
  joinWindows,
  StreamsBuilder,
  StreamsTopologyError,
  serdes,
  sessionWindows,
  slidingWindows,
  type Topology,
  timeWindowedSerde,
  timeWindows,
  topologyDiff,
} from '../../topology/index.ts'
import { idleTickTopicConfig } from '../../topology/internal-topic-config.ts'

const S = serdes.string
const TEXT = { keySerde: S, valueSerde: S }
const IDLE = { closeWindowsWhenIdle: { afterMs: 100 } }

interface WindowOf {
  readonly key: string
  readonly window: { readonly start: number; readonly end: number }
}
const named = ({ key, window }: WindowOf): string => `${key}@${window.start}-${window.end}`

/** A driver that is fed `topic, key, value, timestamp` and read as `key=value@timestamp`. */
class Run {
  readonly driver: TopologyTestDriver
  constructor(topology: Topology) {
    this.driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }), { startTimeMs: 5_000_000 })
  }
  put(topic: string, key: string, value: string, timestamp: number): this {
    this.driver.inputTopic(topic, S, S).pipeInput(key, value, timestamp)
    return this
  }
  pass(ms: number): this {
    this.driver.advanceWallClockTime(ms)
    return this
  }
  out(topic = 'out'): string[] {
    return this.driver.readOutput(topic).map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`)
  }
  ticks(topic: string): Array<readonly [timestamp: number, value: unknown]> {
    return this.driver.readOutput(topic).map(({ value, timestamp }) => [timestamp, JSON.parse(String(value))] as const)
  }
}

function suppressed(options: ConstructorParameters<typeof StreamsBuilder>[0] = IDLE): Topology {
  const builder = new StreamsBuilder(options)
  builder
    .stream<string, string>('in', TEXT)
    .groupByKey()
    .windowedBy(timeWindows({ sizeMs: 1000, graceMs: 200 }))
    .count({ materialized: { name: 'counts' } })
    .suppress({ until: 'window-closes', name: 'final' })
    .toStream()
    .map((key, count) => [named(key), String(count)])
    .to('out', TEXT)
  return builder.build()
}

describe('on a quiet partition', () => {
  it('a suppressed window stays open for ever by default, as in Kafka Streams', () => {
    const run = new Run(suppressed({})).put('in', 'a', 'x', 100).put('in', 'a', 'x', 150).pass(1_000_000)
    expect(run.out()).toEqual([])
  })

  it('a suppressed window is sent after as much idle time as stream time lacks', () => {
    const run = new Run(suppressed()).put('in', 'a', 'x', 100).put('in', 'a', 'x', 150)
    // The window [0, 1000) is closed at 1200: 1050 ms after the last record.
    expect(run.pass(1049).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['a@0-1000=2@150'])
  })

  it('the tick is recorded with its stream time and the input positions before it', () => {
    const run = new Run(suppressed()).put('in', 'a', 'x', 100).put('in', 'b', 'x', 150).pass(1050)
    expect(run.ticks('app-final-store-idle-ticks')).toEqual([[1200, { positions: { 'in:0': 2 } }]])
  })

  it('no tick comes when no result is held back, however long it is quiet', () => {
    const run = new Run(suppressed()).pass(10_000).put('in', 'a', 'x', 100).pass(5000)
    expect(run.out()).toHaveLength(1)
    expect(run.ticks('app-final-store-idle-ticks')).toHaveLength(1)
    for (let i = 0; i < 10; i++) run.pass(1_000_000)
    expect(run.driver.outputTopics).toEqual([])
  })

  it('a window that is already due waits only for the idle time', () => {
    // The suppress sees nothing of the records that are filtered away before it, but the task does.
    const builder = new StreamsBuilder(IDLE)
    builder
      .stream<string, string>('in', TEXT)
      .filter((_key, value) => value !== 'other')
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .count({ materialized: { name: 'counts' } })
      .suppress({ until: 'window-closes', name: 'final' })
      .toStream()
      .map((key, count) => [named(key), String(count)])
      .to('out', TEXT)
    const run = new Run(builder.build()).put('in', 'a', 'x', 100).put('in', 'a', 'other', 7000)
    expect(run.pass(99).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['a@0-1000=1@100'])
  })

  it('a record resets the idle time', () => {
    const run = new Run(suppressed()).put('in', 'a', 'x', 0).pass(1199).put('in', 'a', 'x', 1)
    expect(run.pass(1198).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['a@0-1000=2@1'])
  })

  it('records after a tick that belong to a closed window are late, and others are not', () => {
    const run = new Run(suppressed()).put('in', 'a', 'x', 100).pass(1100)
    expect(run.out()).toEqual(['a@0-1000=1@100'])
    run.put('in', 'a', 'late', 999).put('in', 'a', 'x', 1000).put('in', 'b', 'late', 500).pass(1300)
    expect(run.out()).toEqual(['a@1000-2000=1@1000'])
    expect([...run.driver.metrics.dropped.entries()]).toEqual([['late', 2]])
  })

  it('windows that are not closed finally still accept late records', () => {
    const builder = new StreamsBuilder(IDLE)
    const windows = builder
      .stream<string, string>('in', TEXT)
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 1000 }))
    const show = (key: WindowOf, count: number | null): [string, string] => [named(key), String(count)]
    windows
      .count({ materialized: { name: 'running' } })
      .toStream()
      .map(show)
      .to('running', TEXT)
    windows
      .count({ materialized: { name: 'counts' } })
      .suppress({ until: 'window-closes', name: 'final' })
      .toStream()
      .map(show)
      .to('out', TEXT)
    const run = new Run(builder.build()).put('in', 'a', 'x', 100).pass(1000).put('in', 'a', 'x', 200)
    expect(run.out('running')).toEqual(['a@0-1000=1@100', 'a@0-1000=2@200'])
    expect(run.out()).toEqual(['a@0-1000=1@100'])
  })

  it('a suppression by time limit ends', () => {
    const builder = new StreamsBuilder(IDLE)
    builder
      .stream<string, string>('in', TEXT)
      .groupByKey()
      .count({ materialized: { name: 'counts' } })
      .suppress({ until: 'time-limit', limitMs: 500, name: 'rarely' })
      .toStream()
      .map((key, count) => [key, String(count)])
      .to('out', TEXT)
    const run = new Run(builder.build()).put('in', 'a', 'x', 10).put('in', 'a', 'x', 30).put('in', 'b', 'x', 40)
    expect(run.pass(469).out()).toEqual([])
    // a is due at 510, b at 540: together, because ticks come at least afterMs apart.
    expect(run.pass(1).out()).toEqual(['a=2@30'])
    expect(run.pass(99).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['b=1@40'])
  })

  const emitting = (emit: EmitStrategy, kind: 'tumbling' | 'sliding' | 'session'): Topology => {
    const builder = new StreamsBuilder(IDLE)
    const grouped = builder.stream<string, string>('in', TEXT).groupByKey()
    const materialized = { name: 'counts' }
    const table =
      kind === 'tumbling'
        ? grouped
            .windowedBy(timeWindows({ sizeMs: 1000, advanceMs: 500 }))
            .emitStrategy(emit)
            .count({ materialized })
        : kind === 'sliding'
          ? grouped
              .windowedBy(slidingWindows({ timeDifferenceMs: 1000 }))
              .emitStrategy(emit)
              .count({ materialized })
          : grouped
              .windowedBySession(sessionWindows({ inactivityGapMs: 1000 }))
              .emitStrategy(emit)
              .count({ materialized })
    table
      .toStream()
      .map((key, count) => [named(key), String(count)])
      .to('out', TEXT)
    return builder.build()
  }

  it.each(['tumbling', 'sliding', 'session'] as const)('final results of %s windows are sent', (kind) => {
    const run = new Run(emitting('on-window-close', kind)).put('in', 'a', 'x', 5400).put('in', 'b', 'x', 5450)
    run.put('in', 'a', 'x', 5500)
    const [byRecords, byTicks] = {
      tumbling: [
        ['a@4500-5500=1@5400', 'b@4500-5500=1@5450'],
        ['a@5000-6000=2@5500', 'b@5000-6000=1@5450', 'a@5500-6500=1@5500'],
      ],
      sliding: [
        ['a@4400-5400=1@5400', 'b@4450-5450=1@5450'],
        ['a@4500-5500=2@5500', 'a@5401-6401=1@5500'],
      ],
      session: [[], ['b@5450-5450=1@5450', 'a@5400-5500=2@5500']],
    }[kind]
    expect(run.out()).toEqual(byRecords)
    for (let i = 0; i < 30; i++) run.pass(100)
    expect(run.out()).toEqual(byTicks)
    run.put('in', 'a', 'late', 5400)
    for (let i = 0; i < 30; i++) run.pass(100)
    expect(run.out()).toEqual([])
    const late = kind === 'tumbling' ? 2 : 1
    expect([...run.driver.metrics.dropped.entries()]).toEqual([['late', late]])
  })

  it('records of an outer join without a match are sent', () => {
    const builder = new StreamsBuilder(IDLE)
    const right = builder.stream<string, string>('right', TEXT)
    builder
      .stream<string, string>('left', TEXT)
      .outerJoin(right, {
        joiner: (left, other) => `${left}+${other}`,
        windows: joinWindows({ beforeMs: 50, afterMs: 300, graceMs: 20 }),
        ...TEXT,
        otherValueSerde: S,
        storeName: 'pairs',
      })
      .to('out', TEXT)
    const run = new Run(builder.build()).put('left', 'a', 'A', 1000).put('right', 'b', 'B', 1010)
    run.put('left', 'c', 'C', 1020).put('right', 'c', 'D', 1030)
    expect(run.out()).toEqual(['c=C+D@1030'])
    // A right record waits for left ones up to 50 ms later, a left one for right ones up to 300 ms later, and 20 ms of grace.
    expect(run.pass(100).out()).toEqual(['b=null+B@1010'])
    expect(run.pass(190).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['a=A+null@1000'])
    // A record whose window is closed waits no longer.
    expect(run.put('left', 'd', 'E', 1000).out()).toEqual(['d=E+null@1000'])
  })

  it('records that wait for late changes of a versioned table are joined', () => {
    const builder = new StreamsBuilder(IDLE)
    const table = builder.table<string, string>('table', {
      ...TEXT,
      materialized: { name: 'versions', historyRetentionMs: 10_000 },
    })
    builder
      .stream<string, string>('in', TEXT)
      .joinTable(table, { joiner: (value, row) => `${value}+${row}`, graceMs: 400, name: 'joined', ...TEXT })
      .to('out', TEXT)
    const run = new Run(builder.build()).put('table', 'a', 'T', 10).put('in', 'a', 'x', 100)
    expect(run.pass(399).out()).toEqual([])
    expect(run.pass(1).out()).toEqual(['a=x+T@100'])
  })

  it('a window fed by another window is not closed before that one has sent', () => {
    const builder = new StreamsBuilder(IDLE)
    const source = builder.stream<string, string>('in', TEXT)
    // Makes the task tick at 7000, between the ends of the other windows.
    source
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 3500 }))
      .count({ materialized: { name: 'other' } })
      .suppress({ until: 'window-closes', name: 'other-final' })
    source
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 5000 }))
      .count({ materialized: { name: 'long' } })
      .suppress({ until: 'window-closes', name: 'long-final' })
      .toStream()
      .groupByKey({ keySerde: timeWindowedSerde(S, 5000), valueSerde: serdes.int64 })
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .count({ materialized: { name: 'short' } })
      .suppress({ until: 'window-closes', name: 'short-final' })
      .toStream()
      .map(({ key, window }, count) => [`${named(key)} in ${window.start}`, String(count)])
      .to('out', TEXT)
    const run = new Run(builder.build()).put('in', 'a', 'x', 10).put('in', 'a', 'x', 5010)
    for (let i = 0; i < 60; i++) run.pass(100)
    expect(run.ticks('app-other-final-store-idle-ticks').map(([timestamp]) => timestamp)).toEqual([7010, 10010])
    expect(run.out()).toEqual(['a@0-5000 in 0=1@10', 'a@5000-10000 in 5000=1@5010'])
    expect([...run.driver.metrics.dropped.entries()]).toEqual([])
  })

  it('stream-time punctuators fire with a tick', () => {
    const fired: number[] = []
    const builder = new StreamsBuilder(IDLE)
    const source = builder.stream<string, string>('in', TEXT)
    source
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .count({ materialized: { name: 'counts' } })
      .suppress({ until: 'window-closes', name: 'final' })
    source.process(() => ({
      init: (context) => void context.schedule(600, 'stream-time', (time) => fired.push(time)),
      process: () => undefined,
    }))
    const run = new Run(builder.build()).put('in', 'a', 'x', 10)
    expect(fired).toEqual([10])
    for (let i = 0; i < 20; i++) run.pass(100)
    expect(fired).toEqual([10, 1010])
  })
})

describe('a topology that closes windows when idle', () => {
  it('has an internal topic of ticks for each subtopology that holds results back, and for no other', () => {
    const builder = new StreamsBuilder(IDLE)
    builder
      .stream<string, string>('in', TEXT)
      .groupBy((_key, value) => value, { name: 'by-value', ...TEXT })
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .emitStrategy('on-window-close')
      .count({ materialized: { name: 'counts' } })
    const { subtopologies, internalTopics } = builder.build().build({ applicationId: 'app' })
    const ticks = { topic: 'app-counts-idle-ticks', afterMs: 100 }
    expect(subtopologies.map(({ idleTicks }) => idleTicks)).toEqual([undefined, ticks])
    expect(internalTopics.filter(({ kind }) => kind === 'idle-tick')).toEqual([
      {
        name: 'app-counts-idle-ticks',
        kind: 'idle-tick',
        partitions: 'source',
        config: idleTickTopicConfig(),
      },
    ])
  })

  it('has ticks only when something waits for stream time', () => {
    const builder = new StreamsBuilder(IDLE)
    builder
      .stream<string, string>('in', TEXT)
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .count({ materialized: { name: 'counts' } })
    const { subtopologies, internalTopics } = builder.build().build({ applicationId: 'app' })
    expect(subtopologies.map(({ idleTicks }) => idleTicks)).toEqual([undefined])
    expect(internalTopics.map(({ kind }) => kind)).toEqual(['changelog'])
  })

  it('prints as Kafka Streams does, and shows its ticks in JSON and Mermaid', () => {
    const [without, idle] = [suppressed({}).describe(), suppressed().describe()]
    expect(idle.toString()).toBe(without.toString())
    const json = without.toJSON()
    const ticks = { topic: 'final-store-idle-ticks', afterMs: 100 }
    expect(idle.toJSON()).toEqual({
      ...json,
      subtopologies: json.subtopologies.map((described) => ({ ...described, idleTicks: ticks })),
    })
    expect(JSON.stringify(json)).not.toContain('idle')
    const added = idle
      .toMermaid()
      .split('\n')
      .filter((line) => !without.toMermaid().includes(line))
    expect(added.map((line) => line.trim())).toEqual([
      expect.stringMatching(/^t\d+\[\/"final-store-idle-ticks"\/\]$/),
      expect.stringMatching(/^t\d+ -\.- sub0$/),
    ])
  })

  it('leaves its topic of ticks behind when idle closing is removed', () => {
    const [without, idle] = [suppressed({}).describe().toJSON(), suppressed().describe().toJSON()]
    expect(topologyDiff(idle, without).orphanedTopics).toEqual(['final-store-idle-ticks'])
    expect(topologyDiff(without, idle).orphanedTopics).toEqual([])
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses an idle time of %s ms', (afterMs) => {
    expect(() => new StreamsBuilder({ closeWindowsWhenIdle: { afterMs } })).toThrow(StreamsTopologyError)
  })
})
