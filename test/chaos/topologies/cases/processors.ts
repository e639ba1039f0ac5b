import {
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type StreamRecord,
  serdes,
  type TimestampedKeyValueStore,
  type VersionedKeyValueStore,
  versionedStore,
} from 'ride-streams'
import { added, type CaseInput, type ChaosCase, DAY_MS, numbered, ofTopic } from '../chaos-case.ts'

const TTL_MS = 3000
const EVERY_MS = 200

interface Reading {
  readonly id: number
  readonly n: number
}

/**
 * A processor with stores of three kinds. `seen` (rows expire) lets an id through once in a while; `history` (versions) answers what was
 * valid when the record happened; `dirty` gathers amounts, which the wall clock sends on.
 */
class Meter implements Processor<string, Reading, string, unknown> {
  #context!: ProcessorContext<string, unknown>
  #seen!: TimestampedKeyValueStore<string, number>
  #history!: VersionedKeyValueStore<string, number>
  #dirty!: KeyValueStore<string, number>
  #totals!: KeyValueStore<string, number>

  init(context: ProcessorContext<string, unknown>): void {
    this.#context = context
    this.#seen = context.store('seen')
    this.#history = context.store('history')
    this.#dirty = context.store('dirty')
    this.#totals = context.store('totals')
    context.schedule(EVERY_MS, 'wall-clock-time', (now) => this.#send(now))
  }

  process({ key, value: { id, n }, timestamp }: StreamRecord<string, Reading>): void {
    if (this.#seen.get(String(id)) === null) this.#context.forward(record(key, id, timestamp), 'fresh')
    this.#seen.put(String(id), { value: n, timestamp })
    const before = this.#history.getAsOf(key, timestamp)
    this.#history.put(key, n, timestamp)
    this.#context.forward(record(key, { n, before: before?.value ?? null }, timestamp), 'versions')
    this.#dirty.put(key, (this.#dirty.get(key) ?? 0) + n)
    this.#totals.put(key, (this.#totals.get(key) ?? 0) + n)
  }

  #send(now: number): void {
    for (const [key, amount] of [...this.#dirty.all()]) {
      this.#context.forward(record(key, amount, now), 'amounts')
      this.#dirty.delete(key)
    }
  }
}

export const PROCESSORS: ChaosCase = {
  name: 'processors',
  inputs: ['processors-in'],
  risingStores: [{ store: 'totals', keys: numbered('key', 20) }],
  outputs: ['processors-fresh', 'processors-versions', 'processors-amounts'],
  add(builder) {
    const named = { keySerde: serdes.string, valueSerde: serdes.json<number>() }
    const metered = builder.stream<string, Reading>('processors-in').process(() => new Meter(), {
      name: 'meter',
      stores: [
        keyValueStore({ name: 'seen', ...named, timestamped: true, ttlMs: TTL_MS }),
        versionedStore({ name: 'history', ...named, historyRetentionMs: DAY_MS }),
        keyValueStore({ name: 'dirty', ...named }),
        keyValueStore({ name: 'totals', ...named }),
      ],
    })
    for (const child of ['fresh', 'versions', 'amounts']) {
      metered.filter(() => true, { name: child }).to(`processors-${child}`)
    }
  },
  record: (random, at) => ({
    topic: 'processors-in',
    key: `key-${random.below(20)}`,
    value: { id: random.below(150), n: random.below(1000) },
    timestamp: at - random.below(2000),
  }),
  expected(input) {
    const [fresh, versions]: [string[], string[]] = [[], []]
    for (const records of Map.groupBy(ofTopic<Reading>(input, 'processors-in'), (one) => one.partition).values()) {
      let time = 0
      const seen = new Map<number, number>()
      const history = new Map<string, Map<number, number>>()
      for (const { key, value, timestamp } of records) {
        time = Math.max(time, timestamp)
        const last = seen.get(value.id)
        if (last === undefined || last < time - TTL_MS) fresh.push(`${key} ${value.id}`)
        seen.set(value.id, timestamp)
        const past = history.get(key) ?? new Map<number, number>()
        history.set(key, past)
        const valid = Math.max(...[...past.keys()].filter((from) => from <= timestamp))
        versions.push(`${key} {"before":${past.get(valid) ?? null},"n":${value.n}}`)
        past.set(timestamp, value.n)
      }
    }
    return {
      events: { 'processors-fresh': fresh, 'processors-versions': versions },
      sums: { 'processors-amounts': totals(input) },
    }
  },
  stores: (input) => ({ totals: totals(input), dirty: new Map() }),
}

function totals(input: readonly CaseInput[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { key, value } of ofTopic<Reading>(input, 'processors-in')) added(sums, key, value.n)
  return sums
}
