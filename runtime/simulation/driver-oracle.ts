import type { StateStore } from '../../state/ports/stores.ts'
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
  readonly #rows: ReadonlyMap<string, ReadonlyMap<string, string>>

  private constructor(
    plan: Plan,
    tables: ReadonlySet<string>,
    outputs: ReadonlyMap<string, readonly Bytes[]>,
    rows: ReadonlyMap<string, ReadonlyMap<string, string>>,
  ) {
    this.#plan = plan
    this.#tables = tables
    this.#outputs = outputs
    this.#rows = rows
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
      const rows = new Map<string, ReadonlyMap<string, string>>()
      for (const name of comparedStores(plan)) rows.set(name, rowTexts(rowsOf(driver.store(name))))
      return new DriverOracle(plan, new Set([...tableTopics(plan), ...options.tables]), outputs, rows)
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
    for (const [store, expected] of this.#rows) {
      const found = rowTexts(stores.rows(store))
      for (const key of new Set([...expected.keys(), ...found.keys()])) {
        const [wanted, got] = [expected.get(key) ?? 'no row', found.get(key) ?? 'no row']
        if (wanted !== got) differences.push(`store ${store}, key ${key}: expected ${wanted}, found ${got}`)
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

/** Names of stores whose rows depend on the input alone: rows of windows and sessions also go by stream time, which partitions have of their own. */
export function comparedStores({ subtopologies }: Plan): string[] {
  const stores = subtopologies.flatMap((subtopology) => subtopology.stores)
  return stores.flatMap(({ spec }) => (spec.kind === 'key-value' && spec.ttlMs === undefined ? [spec.name] : []))
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
export function rowsOf(store: StateStore): readonly (readonly [unknown, unknown])[] {
  const { all } = store as { all?: () => Iterable<readonly [unknown, unknown]> }
  return all === undefined ? [] : [...all.call(store)]
}

function rowTexts(rows: readonly (readonly [unknown, unknown])[]): ReadonlyMap<string, string> {
  return new Map(rows.map(([key, value]) => [textOf(key), textOf(value)]))
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
