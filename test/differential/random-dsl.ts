import {
  type FixedKeyProcessor,
  type GlobalKTable,
  joinWindows,
  type KeyValueStore,
  type KGroupedStream,
  type KStream,
  type KTable,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
  StreamsBuilder,
  sessionWindows,
  slidingWindows,
  type Topology,
  timeWindows,
  type ValueTransformer,
  type Windowed,
} from '../../topology/index.ts'
import { kv, kvLong, L, number, OUT, S, SS, type Text } from './values.ts'

/* Builds the topologies that RandomTopology.java makes, step by step as RandomDsl.java does. */

/** A step of the DSL, as the recording has it. */
export interface DslStep {
  readonly op: string
  readonly id: number
  readonly from?: readonly number[]
  readonly name?: string
  readonly topic?: string
  readonly store?: string
  readonly historyMs?: number
  readonly fn?: string
  readonly key?: string
  readonly by?: string
  readonly fold?: string
  readonly kind?: 'inner' | 'left' | 'outer'
  readonly windows?: 'tumbling' | 'hopping' | 'sliding' | 'session'
  readonly sizeMs?: number
  readonly advanceMs?: number
  readonly graceMs?: number
  readonly withinMs?: number
  readonly limitMs?: number
  readonly everyMs?: number
  readonly emit?: string
  readonly suppress?: string | number
  readonly group?: string
  /** Not in the recording. */
  readonly caching?: boolean | undefined
}

type TextStream = KStream<string, Text>
type TextTable = KTable<string, string>
type WindowedTable = KTable<Windowed<string>, string>

export interface RandomTopologyOptions {
  readonly optimized: boolean
  /** Whether stores hold changes back until the commit (default true). */
  readonly caching?: boolean
}

export function randomTopology(
  steps: readonly DslStep[],
  { optimized, caching = true }: RandomTopologyOptions,
): Topology {
  const builder = new StreamsBuilder({
    topologyOptimization: optimized ? 'all' : 'none',
    defaultKeySerde: S,
    defaultValueSerde: S,
  })
  const dsl = new RandomDsl(builder)
  for (const step of steps) dsl.add({ ...step, caching })
  return builder.build()
}

class RandomDsl {
  readonly #builder: StreamsBuilder
  readonly #nodes = new Map<number, unknown>()

  constructor(builder: StreamsBuilder) {
    this.#builder = builder
  }

  add(step: DslStep): void {
    this.#nodes.set(step.id, this.#node(step))
  }

  #stream({ from = [] }: DslStep, at = 0): TextStream {
    return this.#nodes.get(from[at] as number) as TextStream
  }

  #table({ from = [] }: DslStep, at = 0): TextTable {
    return this.#nodes.get(from[at] as number) as TextTable
  }

  #node(step: DslStep): unknown {
    const { op, topic = '' } = step
    switch (op) {
      case 'stream':
        return this.#builder.stream<string, Text>(topic, SS)
      case 'table':
        return this.#sourceTable(step)
      case 'globalTable':
        return this.#builder.globalTable<string, Text>(topic, SS)
      case 'to':
        return this.#stream(step).to(topic, { ...OUT, ...nameOf(step) })
      case 'filter':
        return this.#stream(step).filter((key, value) => test(step, key, value), nameOf(step))
      case 'filterNot':
        return this.#stream(step).filterNot((key, value) => test(step, key, value), nameOf(step))
      case 'mapValues':
        return this.#stream(step).mapValues((value, key) => mapped(step, key, value), nameOf(step))
      case 'map':
        return this.#stream(step).map(
          (key, value) => [keyOf(step.key, key, value), mapped(step, key, value)],
          nameOf(step),
        )
      case 'selectKey':
        return this.#stream(step).selectKey((key, value) => keyOf(step.key, key, value), nameOf(step))
      case 'flatMapValues':
        return this.#stream(step).flatMapValues(
          (value) => (value === null || number(value) % 3 === 0 ? [] : [value, `${value}'`]),
          nameOf(step),
        )
      case 'merge':
        return this.#stream(step).merge(this.#stream(step, 1), nameOf(step))
      case 'split':
        return this.#split(step)
      case 'repartition':
        return this.#stream(step).repartition({ ...SS, ...nameOf(step) })
      case 'toTable':
        return this.#stream(step).toTable({ ...texts(step), ...nameOf(step) } as object)
      case 'aggregate':
        return folded(grouped(this.#stream(step), step), step)
      case 'count-calls':
        return this.#countCalls(step)
      case 'ticks':
        return this.#ticks(step)
      case 'transformTableValues':
        return this.#table(step).transformValues(() => ({ ...SUFFIX }), withName(step))
      case 'windowed':
        return windowed(grouped(this.#stream(step), step), step)
      case 'cogroup':
        return cogrouped(this.#stream(step), this.#stream(step, 1), step)
      case 'filterTable':
        return this.#table(step).filter((key, value) => test(step, key, value), withName(step))
      case 'filterNotTable':
        return this.#table(step).filterNot((key, value) => test(step, key, value), withName(step))
      case 'mapTableValues':
        return this.#table(step).mapValues((value, key) => mapped(step, key, value), withName(step))
      case 'toStream':
        return this.#table(step).toStream(nameOf(step))
      case 'groupTable':
        return this.#groupedTable(step)
      case 'suppress':
        return this.#table(step).suppress({ until: 'time-limit', limitMs: step.limitMs ?? 0, ...nameOf(step) })
      case 'joinTables':
        return this.#joinedTables(step)
      case 'joinOnForeignKey': {
        const options = { foreignKeyExtractor: foreignKey, joiner: joined, ...texts(step), ...nameOf(step) }
        return step.kind === 'inner'
          ? this.#table(step).joinOnForeignKey(this.#table(step, 1), options)
          : this.#table(step).leftJoinOnForeignKey(this.#table(step, 1), options)
      }
      case 'joinTable': {
        const options = { ...SS, joiner: joined, graceMs: step.graceMs, ...nameOf(step) } as object as {
          joiner: typeof joined
        }
        return step.kind === 'inner'
          ? this.#stream(step).joinTable(this.#table(step, 1), options)
          : this.#stream(step).leftJoinTable(this.#table(step, 1), options)
      }
      case 'joinGlobal': {
        const rows = this.#nodes.get(step.from?.[1] as number) as GlobalKTable<string, string>
        const options = {
          keySelector: (key: string, value: Text) => keyOf(step.key, key, value),
          joiner: joined,
          ...nameOf(step),
        }
        return step.kind === 'inner'
          ? this.#stream(step).joinGlobal(rows, options)
          : this.#stream(step).leftJoinGlobal(rows, options)
      }
      case 'joinStream':
        return this.#joinedStreams(step)
      default:
        throw new Error(`no step ${op}`)
    }
  }

  #sourceTable(step: DslStep): unknown {
    const { topic = '', caching = true } = step
    // Without options of a store, a table may do without one.
    const store = caching || step.store !== undefined ? named(step) : { materialized: { ...UNNAMED, caching } }
    return this.#builder.table<string, Text>(topic, { ...SS, ...store } as typeof SS)
  }

  #split(step: DslStep): unknown {
    const name = `split-${step.id}-`
    const branches = this.#stream(step)
      .split({ name })
      .branch((key, value) => test(step, key, value), { name: 'yes' })
      .defaultBranch({ name: 'no' })
    this.#nodes.set(step.id + 1, branches.get(`${name}no`))
    return branches.get(`${name}yes`)
  }

  #countCalls(step: DslStep): unknown {
    const store = this.#addCounts(step)
    return this.#stream(step).processValues(() => new CountCalls(store), { stores: [store], ...nameOf(step) })
  }

  #ticks(step: DslStep): unknown {
    const store = this.#addCounts(step)
    const supplier = () => new Ticks(store, step.everyMs ?? 0)
    return this.#stream(step).process(supplier, { stores: [store], ...nameOf(step) })
  }

  /** Adds the store that the step counts in, and returns its name. */
  #addCounts({ store = '' }: DslStep): string {
    this.#builder.addStateStore(
      keyValueStore<string, number>({ name: store, keySerde: S, valueSerde: L, timestamped: false }),
    )
    return store
  }

  #groupedTable(step: DslStep): unknown {
    const groups = this.#table(step).groupBy((key, value) => [keyOf(step.by, key, value), value], {
      ...SS,
      ...nameOf(step),
    } as object)
    if (step.fold === 'count') return groups.count(longs(step)).mapValues(counted)
    if (step.fold === 'reduce') {
      return groups.reduce({ adder: sum, subtractor: difference, ...texts(step) } as never)
    }
    return groups.aggregate({
      initializer: () => 's0',
      adder: (_key: string, value: Text, total: string) => sum(total, value),
      subtractor: (_key: string, value: Text, total: string) => difference(total, value),
      ...texts(step),
    } as never)
  }

  #joinedTables(step: DslStep): unknown {
    const [left, right] = [this.#table(step), this.#table(step, 1)]
    const options = { joiner: joined, ...withName(step) }
    if (step.kind === 'inner') return left.join(right, options)
    return step.kind === 'left' ? left.leftJoin(right, options) : left.outerJoin(right, options)
  }

  #joinedStreams(step: DslStep): unknown {
    const [left, right] = [this.#stream(step), this.#stream(step, 1)]
    const windows = joinWindows({ timeDifferenceMs: step.withinMs ?? 0, graceMs: step.graceMs ?? 0 })
    const options = {
      joiner: joined,
      windows,
      keySerde: S,
      valueSerde: S,
      otherValueSerde: S,
      ...nameOf(step),
    } as never
    if (step.kind === 'inner') return left.join(right, options)
    return step.kind === 'left' ? left.leftJoin(right, options) : left.outerJoin(right, options)
  }
}

/** Counts per key how often it was called. */
class CountCalls implements FixedKeyProcessor<string, Text, Text> {
  readonly #name: string
  #calls!: KeyValueStore<string, number>
  #context!: ProcessorContext<string, Text>

  constructor(name: string) {
    this.#name = name
  }

  init(context: ProcessorContext<string, Text>): void {
    this.#context = context
    this.#calls = context.store(this.#name)
  }

  process(record: StreamRecord<string, Text>): void {
    if (record.key === null) {
      this.#context.forward(record)
      return
    }
    const times = (this.#calls.get(record.key) ?? 0) + 1
    this.#calls.put(record.key, times)
    this.#context.forward({ ...record, value: `v${number(record.value)}#${times}` })
  }
}

/** Counts per key; at every tick of stream time it tells all counts. */
class Ticks implements Processor<string, Text, string, string> {
  readonly #name: string
  readonly #everyMs: number
  #counts!: KeyValueStore<string, number>

  constructor(name: string, everyMs: number) {
    this.#name = name
    this.#everyMs = everyMs
  }

  init(context: ProcessorContext<string, string>): void {
    this.#counts = context.store(this.#name)
    context.schedule(this.#everyMs, 'stream-time', (timestamp) => {
      for (const [key, count] of this.#counts.all()) context.forward(record(key, `t${count}`, timestamp))
    })
  }

  process({ key }: StreamRecord<string, Text>): void {
    if (key !== null) this.#counts.put(key, (this.#counts.get(key) ?? 0) + 1)
  }
}

const UNNAMED = { keySerde: S, valueSerde: S }
const UNNAMED_LONG = { keySerde: S, valueSerde: L }

const SUFFIX: ValueTransformer<string, string, string> = {
  transform: (key, value) => (value === null ? `v0/${key}` : `v${number(value)}/${key}`),
}

function nameOf({ name }: DslStep): { name?: string } {
  return name === undefined ? {} : { name }
}

/** A name, and a store only where the step names one. */
function withName(step: DslStep): object {
  return { ...named(step), ...nameOf(step) }
}

/** A store of texts, named when the step says so. */
function texts({ store, caching }: DslStep): object {
  return { materialized: { ...(store === undefined ? UNNAMED : kv(store)), caching } }
}

function longs({ store, caching }: DslStep): object {
  return { materialized: { ...(store === undefined ? UNNAMED_LONG : kvLong(store)), caching } }
}

/** A store only where the step names one. */
function named(step: DslStep): object {
  const { store, historyMs } = step
  if (store === undefined) return {}
  return historyMs === undefined ? texts(step) : { materialized: { ...kv(store), historyRetentionMs: historyMs } }
}

function grouped(stream: TextStream, step: DslStep): KGroupedStream<string, Text> {
  const options = { ...SS, ...nameOf(step) }
  if (step.by === undefined) return stream.groupByKey(options)
  return stream.groupBy((key, value) => keyOf(step.by, key, value) as string, options)
}

function folded(groups: KGroupedStream<string, Text>, step: DslStep): unknown {
  if (step.fold === 'count') return groups.count(longs(step)).mapValues(counted)
  if (step.fold === 'reduce') return groups.reduce(sum, texts(step))
  return groups.aggregate({
    initializer: () => 's0',
    aggregator: (_key: string, value: Text, total: string) => fold(step, value, total),
    ...texts(step),
  } as never)
}

function windowed(groups: KGroupedStream<string, Text>, step: DslStep): unknown {
  const emit = step.emit === 'close' ? 'on-window-close' : 'on-window-update'
  const isSession = step.windows === 'session'
  const windows = isSession
    ? groups.windowedBySession(sessionsOf(step)).emitStrategy(emit)
    : groups.windowedBy(windowsOf(step)).emitStrategy(emit)
  const { caching } = step
  const store = (valueSerde: Serde<string> | Serde<number>) => ({
    materialized: { keySerde: S, valueSerde, caching, ...(isSession && { retentionMs: 20_000 }) } as object,
  })
  let table: WindowedTable
  if (step.fold === 'count') table = windows.count(store(L)).mapValues(counted)
  else if (step.fold === 'reduce') table = windows.reduce(sum, store(S)) as WindowedTable
  else {
    table = windows.aggregate({
      initializer: () => 's0',
      aggregator: (_key: string, value: Text, total: string) => fold(step, value, total),
      merger: (_key: string, a: string, b: string) => sum(a, b),
      ...store(S),
    } as never)
  }
  if (step.suppress === 'close') table = table.suppress({ until: 'window-closes' })
  else if (typeof step.suppress === 'number') table = table.suppress({ until: 'time-limit', limitMs: step.suppress })
  if (step.group === undefined) return withTextKeys(table)
  const again = table.groupBy(({ window }, value) => [`t${window.start % 3}`, value], SS as object)
  if (step.group === 'count') return again.count(longs({ op: step.op, id: step.id, caching })).mapValues(counted)
  return again.aggregate({
    initializer: () => 's0',
    adder: (_key: string, value: Text, total: string) => sum(total, value),
    subtractor: (_key: string, value: Text, total: string) => difference(total, value),
    materialized: { ...UNNAMED, caching },
  } as never)
}

function cogrouped(left: TextStream, right: TextStream, step: DslStep): unknown {
  const both = left
    .groupByKey(SS)
    .cogroup<string>((_key, value, total) => sum(total, value))
    .cogroup(right.groupByKey(SS), (_key, value, total) => `${sum(total, value)}.`)
  const initializer = () => 's0'
  if (step.windows === undefined) return both.aggregate({ initializer, ...texts(step) })
  const materialized = { ...UNNAMED, caching: step.caching }
  if (step.windows !== 'session') {
    return withTextKeys(both.windowedBy(windowsOf(step)).aggregate({ initializer, materialized }))
  }
  return withTextKeys(
    both.windowedBySession(sessionsOf(step)).aggregate({
      initializer,
      merger: (_key, a, b) => sum(a, b),
      materialized: { ...materialized, retentionMs: 20_000 },
    }),
  )
}

function windowsOf({ windows, sizeMs = 0, advanceMs, graceMs = 0 }: DslStep) {
  if (windows === 'sliding') return slidingWindows({ timeDifferenceMs: sizeMs, graceMs })
  return timeWindows(advanceMs === undefined ? { sizeMs, graceMs } : { sizeMs, graceMs, advanceMs })
}

function sessionsOf({ sizeMs = 0, graceMs = 0 }: DslStep) {
  return sessionWindows({ inactivityGapMs: sizeMs, graceMs })
}

function withTextKeys(table: WindowedTable): unknown {
  return table.toStream().selectKey(({ key, window }) => `${key}@${window.start}-${window.end}`)
}

function test({ fn }: DslStep, key: string | null, value: Text): boolean {
  switch (fn) {
    case 'even':
      return number(value) % 2 === 0
    case 'third':
      return number(value) % 3 === 0
    case 'present':
      return value !== null
    default:
      return key === 'a'
  }
}

function mapped({ fn }: DslStep, key: string | null, value: Text): Text {
  if (value === null) return null
  switch (fn) {
    case 'bang':
      return `${value}!`
    case 'mod':
      return `v${number(value) % 5}`
    case 'holes':
      return number(value) % 4 === 0 ? null : `${value}?`
    default:
      return `v${number(value)}/${key}`
  }
}

function keyOf(how: string | undefined, key: string | null, value: Text): string | null {
  switch (how) {
    case 'mod':
      return `n${number(value) % 3}`
    case 'holes':
      return number(value) % 5 === 0 ? null : `n${number(value) % 4}`
    case 'const':
      return 'a'
    default:
      return key
  }
}

function foreignKey(value: Text): Text {
  return number(value) % 6 === 0 ? null : 'abcde'.charAt(number(value) % 5)
}

function joined(left: Text, right: Text): string {
  return `${left === null ? '-' : `v${number(left)}`}+${right === null ? '-' : `v${number(right)}`}`
}

function sum(a: Text, b: Text): string {
  return `s${(number(a) + number(b)) % 100_000}`
}

function difference(a: Text, b: Text): string {
  return `s${number(a) - number(b)}`
}

function fold({ fold: how }: DslStep, value: Text, total: Text): Text {
  const next = (number(total) + number(value)) % 100_000
  return how === 'aggregate-holes' && next % 4 === 0 ? null : `s${next}`
}

function counted(count: number): string {
  return `c${count}`
}
