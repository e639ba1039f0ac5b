import fc from 'fast-check'
import type { VersionedSpec } from '../../state/ports/store-spec.ts'
import type { VersionedKeyValueStore, VersionedRecord } from '../../state/ports/stores.ts'
import { Committed } from '../support/committed.ts'
import { someKey } from './key-value.model.ts'
import { jsonSerde, textSerde } from './serdes.ts'
import { compareBytes, type ModelledKind } from './store-model.ts'

interface Version {
  timestamp: number
  value: string | null
}

interface Model {
  /** All versions ever accepted, by key; nothing is ever pruned here. */
  versions: Map<string, Version[]>
  observed: number
}

export type VersionedOp =
  | { readonly type: 'put'; readonly key: string; readonly timestamp: number; readonly value: string | null }
  | { readonly type: 'delete' | 'getAsOf'; readonly key: string; readonly timestamp: number }

const timestamp = fc.integer({ min: 0, max: 60 })

export const versionedOps: fc.Arbitrary<VersionedOp> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key: someKey,
      timestamp,
      value: fc.option(fc.string({ maxLength: 3 }), { freq: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), key: someKey, timestamp }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('getAsOf' as const), key: someKey, timestamp }) },
)

export function versionedModel(historyRetentionMs: number): ModelledKind<Model, VersionedOp> {
  const spec: VersionedSpec = {
    kind: 'versioned',
    name: 'versions',
    keySerde: textSerde,
    valueSerde: jsonSerde,
    logging: true,
    caching: false,
    historyRetentionMs,
  }
  const api = (store: { readonly api: unknown }) => store.api as VersionedKeyValueStore<string, unknown>
  const versionsOf = (model: Model, key: string): Version[] => model.versions.get(key) ?? []
  const record = (version: Version | undefined, validTo: number | null): VersionedRecord<string> | null =>
    version === undefined || version.value === null
      ? null
      : { value: version.value, timestamp: version.timestamp, validTo }
  const latest = (model: Model, key: string) => record(versionsOf(model, key).at(-1), null)
  const asOf = (model: Model, key: string, at: number): VersionedRecord<string> | null => {
    if (at < model.observed - historyRetentionMs) {
      const last = latest(model, key)
      return last !== null && last.timestamp <= at ? last : null
    }
    const versions = versionsOf(model, key)
    const index = versions.findLastIndex((version) => version.timestamp <= at)
    return record(versions[index], versions[index + 1]?.timestamp ?? null)
  }
  const put = (model: Model, key: string, value: string | null, at: number): number | null | undefined => {
    if (at < model.observed - historyRetentionMs) return undefined
    model.observed = Math.max(model.observed, at)
    const others = versionsOf(model, key).filter((version) => version.timestamp !== at)
    others.push({ timestamp: at, value })
    model.versions.set(
      key,
      others.sort((a, b) => a.timestamp - b.timestamp),
    )
    return others.find((version) => version.timestamp > at)?.timestamp ?? null
  }
  const allLatest = (model: Model): Array<[string, VersionedRecord<string>]> =>
    [...model.versions.keys()].sort(compareBytes).flatMap((key) => {
      const found = latest(model, key)
      return found === null ? [] : [[key, found] as [string, VersionedRecord<string>]]
    })
  const keys = ['a', 'a\0', '', 'é', '漢', 'never']

  return {
    title: `versioned store (history ${historyRetentionMs})`,
    spec,
    empty: () => ({ versions: new Map(), observed: -1 }),
    apply(store, model, op) {
      switch (op.type) {
        case 'put':
          return {
            actual: api(store).put(op.key, op.value, op.timestamp),
            expected: put(model, op.key, op.value, op.timestamp),
          }
        case 'delete': {
          const tooOld = op.timestamp < model.observed - historyRetentionMs
          const expected = tooOld ? null : asOf(model, op.key, op.timestamp)
          put(model, op.key, null, op.timestamp)
          return { actual: api(store).delete(op.key, op.timestamp), expected }
        }
        default:
          return { actual: api(store).getAsOf(op.key, op.timestamp), expected: asOf(model, op.key, op.timestamp) }
      }
    },
    dump(store, model) {
      const times = [0, 15, 30, 45, 60, 100]
      return {
        actual: keys.map((key) => [api(store).get(key), ...times.map((at) => api(store).getAsOf(key, at))]),
        expected: keys.map((key) => [latest(model, key), ...times.map((at) => asOf(model, key, at))]),
      }
    },
    async committed(store, model) {
      const expected = allLatest(model)
      const committed = new Committed(store, spec)
      const times = [0, 20, 40, 60]
      const readings = keys.flatMap((key) => times.map((time) => ({ key, time })))
      return {
        actual: {
          all: await committed.scan(),
          forward: await committed.pages(false),
          backward: (await committed.pages(true)).reverse(),
          gets: await Promise.all(keys.map((key) => committed.get(key))),
          asOf: await Promise.all(readings.map(({ key, time }) => committed.asOf(key, time))),
        },
        expected: {
          all: expected,
          forward: expected,
          backward: expected,
          gets: keys.map((key) => latest(model, key)),
          asOf: readings.map(({ key, time }) => asOf(model, key, time)),
        },
      }
    },
  }
}
