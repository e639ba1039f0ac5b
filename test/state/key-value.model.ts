import fc from 'fast-check'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore, ValueAndTimestamp } from '../../state/ports/stores.ts'
import { Committed } from '../support/committed.ts'
import { jsonSerde, partsSerde, textSerde } from './serdes.ts'
import { compareBytes, type ModelledKind, type Moment, plainHeaders } from './store-model.ts'

interface ModelRow {
  value: string
  timestamp: number
  headers: Array<[string, string | null]>
}

type Model = Map<string, ModelRow>

export type KeyValueOp =
  | { readonly type: 'put' | 'putIfAbsent'; readonly key: string; readonly value: string }
  | { readonly type: 'delete' | 'get'; readonly key: string }
  | { readonly type: 'prefixScan'; readonly prefix: string }
  | { readonly type: 'range' | 'reverseRange'; readonly from: string | null; readonly to: string | null }

/** Few keys, so that they meet; of all lengths of UTF-8, and prefixes of each other. */
export const someKey = fc.constantFrom('a', 'a', 'a\0', '', 'é', '漢')

export const keyValueOps: fc.Arbitrary<KeyValueOp> = fc.oneof(
  fc.record({ type: fc.constantFrom('put', 'put', 'putIfAbsent'), key: someKey, value: fc.string({ maxLength: 4 }) }),
  fc.record({ type: fc.constantFrom('delete', 'get'), key: someKey }),
  fc.record({ type: fc.constant('prefixScan'), prefix: someKey }),
  fc.record({ type: fc.constantFrom('range', 'reverseRange'), from: fc.option(someKey), to: fc.option(someKey) }),
) as fc.Arbitrary<KeyValueOp>

type Api = KeyValueStore<string, unknown>

export interface KeyValueVariant {
  readonly timestamped: boolean
  readonly headers: boolean
  readonly scan: boolean
  readonly caching: boolean
  readonly ttlMs?: number
  readonly changelogParts?: boolean
}

export function keyValueModel(variant: KeyValueVariant): ModelledKind<Model, KeyValueOp> {
  const { timestamped, headers, ttlMs } = variant
  const ordered = variant.scan
  const flags = Object.entries(variant).filter(([, value]) => value !== false)
  const title = `key-value store (${flags.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(', ')})`
  const spec: KeyValueSpec = {
    kind: 'key-value',
    name: 'rows',
    keySerde: textSerde,
    valueSerde: variant.changelogParts === true ? partsSerde : jsonSerde,
    logging: true,
    ...variant,
  }

  const toRow = (value: string, moment: Moment): ModelRow => ({
    value,
    timestamp: moment.recordTimestamp,
    headers: headers ? plainHeaders(moment.headers) : [],
  })
  const seen = (model: Model, key: string, moment: Moment): ModelRow | null => {
    const row = model.get(key)
    return row === undefined || (ttlMs !== undefined && row.timestamp < moment.streamTime - ttlMs) ? null : row
  }
  /** The store's answer as a model row; a plain store knows no timestamp. */
  const plain = (stored: unknown): unknown => {
    if (stored === null || !timestamped) return stored
    const row = stored as ValueAndTimestamp<string>
    return { value: row.value, timestamp: row.timestamp, headers: plainHeaders(row.headers) }
  }
  const expectedOf = (row: ModelRow | null): unknown => (row === null || timestamped ? row : row.value)
  const rowsOf = (model: Model, moment: Moment, from: string | null, to: string | null): Array<[string, unknown]> =>
    [...model.keys()]
      .filter((key) => seen(model, key, moment) !== null)
      .filter((key) => (from === null || compareBytes(key, from) >= 0) && (to === null || compareBytes(key, to) <= 0))
      .sort(compareBytes)
      .map((key) => [key, expectedOf(seen(model, key, moment))])

  return {
    title,
    spec,
    empty: () => new Map(),
    apply(store: ManagedStore, model, op, moment) {
      const api = store.api as Api
      const give = (value: string): unknown => (timestamped ? { value, timestamp: moment.recordTimestamp } : value)
      switch (op.type) {
        case 'put': {
          api.put(op.key, give(op.value))
          model.set(op.key, toRow(op.value, moment))
          return { actual: plain(api.get(op.key)), expected: expectedOf(seen(model, op.key, moment)) }
        }
        case 'putIfAbsent': {
          const expected = expectedOf(seen(model, op.key, moment))
          if (expected === null) model.set(op.key, toRow(op.value, moment))
          return { actual: plain(api.putIfAbsent(op.key, give(op.value))), expected }
        }
        case 'delete': {
          const expected = expectedOf(seen(model, op.key, moment))
          model.delete(op.key)
          return { actual: plain(api.delete(op.key)), expected }
        }
        case 'get':
          return { actual: plain(api.get(op.key)), expected: expectedOf(seen(model, op.key, moment)) }
        case 'prefixScan': {
          if (!ordered) return { actual: null, expected: null }
          const expected = rowsOf(model, moment, null, null).filter(([key]) => key.startsWith(op.prefix))
          return {
            actual: Array.from(api.prefixScan(op.prefix, textSerde), ([key, value]) => [key, plain(value)]),
            expected,
          }
        }
        default: {
          if (!ordered) return { actual: null, expected: null }
          const found = op.type === 'range' ? api.range(op.from, op.to) : api.reverseRange(op.from, op.to)
          const expected = rowsOf(model, moment, op.from, op.to)
          if (op.type === 'reverseRange') expected.reverse()
          return { actual: Array.from(found, ([key, value]) => [key, plain(value)]), expected }
        }
      }
    },
    dump(store, model, moment) {
      const api = store.api as Api
      if (!ordered) {
        const keys = ['a', 'a\0', '', 'é', '漢', 'never']
        return {
          actual: keys.map((key) => plain(api.get(key))),
          expected: keys.map((key) => expectedOf(seen(model, key, moment))),
        }
      }
      return {
        actual: Array.from(api.all(), ([key, value]) => [key, plain(value)]),
        expected: rowsOf(model, moment, null, null),
      }
    },
    async committed(store, model, moment) {
      const expected = rowsOf(model, moment, null, null)
      const shape = (rows: ReadonlyArray<readonly [unknown, unknown]>) =>
        rows.map(([key, value]) => [key, plain(value)])
      const committed = new Committed(store, spec)
      const all = shape(await committed.scan())
      // The same, in pages of two, from both ends.
      const forward = await committed.pages(false)
      const backward = await committed.pages(true)
      const gets = await Promise.all(expected.map(async ([key]) => [key, plain(await committed.get(key))]))
      return {
        actual: { all, forward: shape(forward), backward: shape(backward).reverse(), gets },
        expected: { all: expected, forward: expected, backward: expected, gets: expected },
      }
    },
  }
}
