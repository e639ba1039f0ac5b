import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type {
  KeyValueStore,
  SessionStore,
  StateStore,
  ValueAndTimestamp,
  VersionedKeyValueStore,
  WindowStore,
} from '../../state/ports/stores.ts'
import type { Plan, Topology } from '../../topology/index.ts'
import { type Recording, type ShownRecord, show, showHeaders, toBytes, toHeaders } from './recording.ts'

/** The recording as this program would have made it: same input, everything else its own. */
export function replay(topology: Topology, recording: Recording): Recording {
  const plan = topology.build({ applicationId: 'differential' })
  const driver = new TopologyTestDriver(plan, { startTimeMs: recording.wallClockStart })
  const fed = new Set(recording.steps.flatMap((step) => ('topic' in step ? [step.topic] : [])))
  // In the order in which the recorder asks the topics.
  const outputs = Object.keys(recording.topics).filter((topic) => !fed.has(topic))
  const steps = recording.steps.map((step) => {
    if ('advanceWallClockMs' in step) driver.advanceWallClockTime(step.advanceWallClockMs)
    else {
      const { topic, key, value, timestamp, headers } = step
      driver.pipeInput(topic, { key: toBytes(key), value: toBytes(value), timestamp, headers: toHeaders(headers) })
    }
    return { ...step, out: outputs.flatMap((topic) => read(driver, topic, recording)) }
  })
  const stores = Object.fromEntries(
    Object.keys(recording.stores).map((name) => {
      const spec = specOf(plan, name)
      return [name, comparable(spec, rows(spec, driver.store(name), recording), recording)]
    }),
  )
  driver.close()
  return { ...recording, describe: `${topology.describe()}`, steps, stores }
}

/** The recorded rows that can be compared. */
export function expectedStores(topology: Topology, recording: Recording): Recording['stores'] {
  const plan = topology.build({ applicationId: 'differential' })
  return Object.fromEntries(
    Object.entries(recording.stores).map(([name, all]) => [name, comparable(specOf(plan, name), all, recording)]),
  )
}

/**
 * Sorted, and without windows that are older than the store's retention: Kafka Streams' caches and segments show some of them
 * for a while, and nobody may rely on them.
 */
function comparable(spec: StoreSpec, all: Rows, { steps }: Recording): Rows {
  if (spec.kind !== 'window' && spec.kind !== 'session') return sorted(all)
  const time = (row: readonly unknown[]) => row[spec.kind === 'window' ? 1 : 2] as number
  const streamTime = Math.max(...steps.map((step) => ('timestamp' in step ? step.timestamp : 0)))
  return sorted(all.filter((row) => time(row) > streamTime - spec.retentionMs))
}

type Rows = ReadonlyArray<readonly unknown[]>

/** In an order that does not depend on the kind of store. */
function sorted(all: Rows): Rows {
  return all
    .map((row) => JSON.stringify(row))
    .sort()
    .map((row) => JSON.parse(row) as unknown[])
}

function read(driver: TopologyTestDriver, topic: string, { topics }: Recording): ShownRecord[] {
  const kinds = topics[topic]
  if (kinds === undefined) throw new Error(`no kinds for ${topic}`)
  return driver.readOutput(topic).map(({ key, value, timestamp, headers }) => ({
    topic,
    key: show(kinds.key, key),
    value: show(kinds.value, value),
    timestamp,
    ...showHeaders(headers),
  }))
}

function specOf(plan: Plan, name: string): StoreSpec {
  const stores = [...plan.subtopologies.flatMap((sub) => sub.stores), ...plan.globalStores.map(({ store }) => store)]
  const found = stores.find(({ spec }) => spec.name === name)
  if (found === undefined) throw new Error(`no store ${name}`)
  return found.spec
}

/** Keys that are asked for where a store cannot list its own, besides those of the recording's rows. */
const KEYS = ['a', 'b', 'c', 'd', 'e', 'r1', 'r2', 'r3', 'r4', 'zz']

function rows(spec: StoreSpec, store: StateStore, recording: Recording): unknown[][] {
  switch (spec.kind) {
    case 'key-value': {
      const recorded = (recording.stores[spec.name] ?? []).map(([key]) => key)
      return [...new Set([...KEYS, ...recorded])].flatMap((key) => {
        const value = (store as KeyValueStore<unknown, unknown>).get(key)
        return value === null ? [] : [[key, ...flat(value)]]
      })
    }
    case 'window':
      return [...(store as WindowStore<unknown, unknown>).all()].map(([{ key, window }, value]) => [
        key,
        window.start,
        ...flat(value),
      ])
    case 'session':
      return KEYS.flatMap((key) =>
        [...(store as SessionStore<string, unknown>).fetch(key)].map(([{ window }, value]) => [
          key,
          window.start,
          window.end,
          ...flat(value),
        ]),
      )
    case 'versioned':
      return KEYS.flatMap((key) => {
        const row = (store as VersionedKeyValueStore<string, unknown>).get(key)
        return row === null ? [] : [[key, row.value, row.timestamp]]
      })
  }
}

function flat(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value]
  const { value: inner, timestamp } = value as ValueAndTimestamp<unknown>
  return [inner, timestamp]
}
