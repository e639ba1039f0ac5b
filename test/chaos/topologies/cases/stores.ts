import {
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  packParts,
  partName,
  partNameText,
  partsOf,
  record,
  type Serde,
  type StreamRecord,
  serdes,
  type WindowStore,
  windowStore,
} from 'ride-streams'
import { added, type CaseInput, type ChaosCase, DAY_MS, numbered, ofTopic } from '../chaos-case.ts'

const SLOT_MS = 5000
const BACK_MS = 20_000
const PARTS = 12

type Parts = Readonly<Record<string, string>>

const parts: Serde<Parts> = {
  name: 'parts',
  serialize: (_topic, value) =>
    packParts(Object.entries(value).map(([name, text]) => ({ name: partName(name), value: Buffer.from(text) }))),
  deserialize: (_topic, bytes) =>
    Object.fromEntries(partsOf(bytes).map(({ name, value }) => [partNameText(name), String(value)])),
}

/** Counts in memory, values in parts, and rows by time: what it sends goes back to all records of the partition before. */
class Keeper implements Processor<string, number, string, unknown> {
  #context!: ProcessorContext<string, unknown>
  #counts!: KeyValueStore<string, number>
  #lists!: KeyValueStore<string, Parts>
  #slots!: WindowStore<string, number>

  init(context: ProcessorContext<string, unknown>): void {
    this.#context = context
    this.#counts = context.store('memory-counts')
    this.#lists = context.store('lists')
    this.#slots = context.store('slots')
  }

  process({ key, value, timestamp }: StreamRecord<string, number>): void {
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.put(key, count)
    const list = { ...this.#lists.get(key), [`part-${value % PARTS}`]: String(value) }
    this.#lists.put(key, value % 50 === 0 ? null : list)
    const slot = timestamp - (timestamp % SLOT_MS)
    this.#slots.put(key, value, slot)
    const back = [...this.#slots.fetchRange(key, slot - BACK_MS, slot)].map(([start, row]) => [start, row])
    this.#context.forward(record(key, { back, count, list }, timestamp))
  }
}

export const STORES: ChaosCase = {
  name: 'stores',
  inputs: ['stores-in'],
  outputs: ['stores-seen'],
  risingStores: [{ store: 'memory-counts', keys: numbered('key', 25) }],
  add(builder) {
    const named = { keySerde: serdes.string, valueSerde: serdes.json<number>() }
    builder
      .stream<string, number>('stores-in')
      .process(() => new Keeper(), {
        stores: [
          keyValueStore({ name: 'memory-counts', ...named, backend: 'memory', scan: false }),
          keyValueStore({ name: 'lists', keySerde: serdes.string, valueSerde: parts, changelogParts: true }),
          windowStore({ name: 'slots', ...named, windowSizeMs: SLOT_MS, retentionMs: DAY_MS }),
        ],
      })
      .to('stores-seen')
  },
  record: (random, at) => ({
    topic: 'stores-in',
    key: `key-${random.below(25)}`,
    value: random.below(1e6),
    timestamp: at - random.below(3000),
  }),
  expected: (input) => ({ events: { 'stores-seen': replayed(input).seen } }),
  stores: (input) => ({ lists: replayed(input).lists }),
}

function replayed(input: readonly CaseInput[]) {
  const seen: string[] = []
  const counts = new Map<string, number>()
  const lists = new Map<string, Parts>()
  const slots = new Map<string, Map<number, number>>()
  for (const { key, value, timestamp } of ofTopic<number>(input, 'stores-in')) {
    added(counts, key, 1)
    const list = sorted({ ...lists.get(key), [`part-${value % PARTS}`]: String(value) })
    if (value % 50 === 0) lists.delete(key)
    else lists.set(key, list)
    const slot = timestamp - (timestamp % SLOT_MS)
    const own = slots.get(key) ?? new Map<number, number>()
    slots.set(key, own.set(slot, value))
    const back = [...own].filter(([start]) => start >= slot - BACK_MS && start <= slot).toSorted(([a], [b]) => a - b)
    seen.push(`${key} ${JSON.stringify({ back, count: counts.get(key), list })}`)
  }
  return { seen, lists }
}

function sorted(row: Parts): Parts {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
}
