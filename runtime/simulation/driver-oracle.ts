import type { KeyValueSpec, SessionSpec, WindowSpec } from '../../state/ports/store-spec.ts'
import type { StateStore, Windowed } from '../../state/ports/stores.ts'
import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { TopologyTestDriver } from '../memory/test-driver.ts'
import type { WorldInput } from './simulated-log.ts'
import { type SimulatedOutputs, type SimulatedStores, sinkOf, textOf } from './simulated-results.ts'
import { tableTopics } from './table-topics.ts'

export interface DriverOracleOptions {
  readonly config: Partial<StreamsConfig>
  /** Further output topics of which only the last record of each key counts. */
  readonly tables: readonly string[]
}

interface Bytes {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** The results of TopologyTestDriver for an input, and the comparison with those of a simulated run. */
export class DriverOracle {
  readonly #plan: Plan
  readonly #tables: ReadonlySet<string>
  readonly #outputs: ReadonlyMap<string, readonly Bytes[]>
  /** Rows of each compared store, as its all() gives them. */
  readonly #rows: ReadonlyMap<string, Rows>
  /** The greatest time of the input. */
  readonly #lastTime: number

  private constructor(
    plan: Plan,
    tables: ReadonlySet<string>,
    outputs: ReadonlyMap<string, readonly Bytes[]>,
    rows: ReadonlyMap<string, Rows>,
    lastTime: number,
  ) {
    this.#plan = plan
    this.#tables = tables
    this.#outputs = outputs
    this.#rows = rows
    this.#lastTime = lastTime
  }

  /** Pipes the input through a driver. The plan must be one of its own: processors may keep state outside of stores. */
  static async of(plan: Plan, input: readonly WorldInput[], options: DriverOracleOptions): Promise<DriverOracle> {
    const topics = [...new Set(input.map(({ topic }) => topic))]
    const driver = new TopologyTestDriver(withListableRows(plan), {
      topics,
      startTimeMs: input[0]?.timestamp ?? 0,
      config: options.config,
    })
    try {
      await driver.prepare()
      for (const { topic, ...record } of input) driver.pipeInput(topic, record)
      await driver.runCalls()
      const internal = new Set(plan.internalTopics.map(({ name }) => name))
      const outputs = new Map<string, readonly Bytes[]>()
      for (const topic of driver.outputTopics) if (!internal.has(topic)) outputs.set(topic, driver.readOutput(topic))
      const rows = new Map<string, Rows>()
      for (const { name } of comparedStores(plan)) rows.set(name, rowsOf(driver.store(name)))
      const lastTime = Math.max(...input.map(({ timestamp }) => timestamp))
      return new DriverOracle(plan, new Set([...tableTopics(plan), ...options.tables]), outputs, rows, lastTime)
    } finally {
      driver.close()
    }
  }

  /** In words, [] = the same. Of a topic without tables every record of a key counts, in any order. */
  differences(outputTopics: Iterable<string>, outputs: SimulatedOutputs, stores: SimulatedStores): string[] {
    const differences: string[] = []
    for (const topic of new Set([...this.#outputs.keys(), ...outputTopics])) {
      const isTable = this.#tables.has(topic)
      const expected = byKey(this.#outputs.get(topic) ?? [], isTable)
      const found = byKey(outputs.raw(topic), isTable)
      for (const key of new Set([...expected.keys(), ...found.keys()])) {
        const [wanted = [], got = []] = [expected.get(key), found.get(key)]
        if (multiset(wanted) === multiset(got)) continue
        const at = this.#text(topic, 'key', key)
        const values = (list: readonly (string | null)[]) =>
          list.map((value) => this.#text(topic, 'value', value)).join(', ') || 'nothing'
        differences.push(
          `topic ${topic}, key ${at}: ${isTable ? 'last value ' : ''}expected ${values(wanted)}, found ${values(got)}`,
        )
      }
    }
    for (const spec of comparedStores(this.#plan)) {
      const [before, after] = [this.#rows.get(spec.name) ?? [], stores.rows(spec.name)]
      const isSure = sureRows(spec, this.#lastTime, [...before, ...after])
      const [expected, found] = [rowTexts(before.filter(isSure)), rowTexts(after.filter(isSure))]
      for (const key of new Set([...expected.keys(), ...found.keys()])) {
        const [wanted, got] = [expected.get(key) ?? 'no row', found.get(key) ?? 'no row']
        if (wanted !== got) differences.push(`store ${spec.name}, key ${key}: expected ${wanted}, found ${got}`)
      }
    }
    return differences
  }

  #text(topic: string, part: 'key' | 'value', bytes: string | null): string {
    if (bytes === null) return 'null'
    const buffer = Buffer.from(bytes, 'latin1')
    const sink = sinkOf(this.#plan, topic)
    try {
      const serde = part === 'key' ? sink?.keySerde : sink?.valueSerde
      return serde === undefined ? textOf(buffer.toString()) : textOf(serde.deserialize(topic, buffer, []))
    } catch {
      return textOf(buffer)
    }
  }
}

type Rows = readonly (readonly [unknown, unknown])[]
type ComparedSpec = KeyValueSpec | WindowSpec | SessionSpec

/** Stores whose rows follow from the input. Rows with a time to live, and versions, go by stream time, which partitions have of their own. */
export function comparedStores({ subtopologies }: Plan): readonly ComparedSpec[] {
  const stores = subtopologies.flatMap((subtopology) => subtopology.stores)
  return stores.flatMap(({ spec }): ComparedSpec[] => {
    if (spec.kind === 'key-value') return spec.ttlMs === undefined ? [spec] : []
    return spec.kind === 'versioned' ? [] : [spec]
  })
}

/** Windows and sessions that no task can have let go, however far its stream time is. */
function sureRows(spec: ComparedSpec, lastTime: number, all: Rows): (row: Rows[number]) => boolean {
  if (spec.kind === 'key-value') return () => true
  const timeOf = ([key]: Rows[number]): number => {
    const { start, end } = (key as Windowed<unknown>).window
    return spec.kind === 'window' ? start : end
  }
  const size = spec.kind === 'window' ? spec.windowSizeMs : 0
  let latest = lastTime
  for (const row of all) latest = Math.max(latest, timeOf(row) + size)
  return (row) => timeOf(row) > latest - spec.retentionMs
}

/** The plan with key-value stores whose rows can be listed, which costs them an index. */
function withListableRows(plan: Plan): Plan {
  const subtopologies = plan.subtopologies.map((subtopology) => ({
    ...subtopology,
    stores: subtopology.stores.map((store) =>
      store.spec.kind === 'key-value' ? { ...store, spec: { ...store.spec, scan: true } } : store,
    ),
  }))
  return { ...plan, subtopologies }
}

/** The rows that all() of the store gives; [] when it has no all(). */
export function rowsOf(store: StateStore): Rows {
  const { all } = store as { all?: () => Iterable<readonly [unknown, unknown]> }
  return all === undefined ? [] : [...all.call(store)]
}

/** Duplicates of a window store have the same key: their values stand together. */
function rowTexts(rows: Rows): ReadonlyMap<string, string> {
  const texts = new Map<string, string[]>()
  for (const [key, value] of rows) {
    const name = textOf(key)
    texts.set(name, [...(texts.get(name) ?? []), textOf(value)])
  }
  return new Map([...texts].map(([key, values]) => [key, values.sort().join(', ')]))
}

/** Values of each key. Of tables: the last one, and none after a tombstone. */
function byKey(records: readonly Bytes[], isTable: boolean): Map<string | null, (string | null)[]> {
  const found = new Map<string | null, (string | null)[]>()
  for (const { key, value } of records) {
    const name = key === null ? null : key.toString('latin1')
    const text = value === null ? null : value.toString('latin1')
    if (!isTable) found.set(name, [...(found.get(name) ?? []), text])
    else if (text === null) found.delete(name)
    else found.set(name, [text])
  }
  return found
}

function multiset(values: readonly (string | null)[]): string {
  return JSON.stringify([...values].sort())
}
