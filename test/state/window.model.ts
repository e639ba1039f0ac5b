import fc from 'fast-check'
import type { WindowSpec } from '../../state/ports/store-spec.ts'
import type { ValueAndTimestamp, Windowed, WindowStore } from '../../state/ports/stores.ts'
import { Committed } from '../support/committed.ts'
import { someKey } from './key-value.model.ts'
import { jsonSerde, textSerde } from './serdes.ts'
import { compareBytes, type ModelledKind, type Moment, plainHeaders } from './store-model.ts'

interface ModelRow {
  key: string
  start: number
  value: string
  timestamp: number
  headers: Array<[string, string | null]>
}

interface Model {
  rows: ModelRow[]
  observed: number
}

export type WindowOp =
  | { readonly type: 'put'; readonly key: string; readonly start: number; readonly value: string | null }
  | { readonly type: 'fetch'; readonly key: string; readonly from: number; readonly to: number }

const start = fc.constantFrom(0, 0, 1, 5, 10, 20, 30, 60)

export const windowOps: fc.Arbitrary<WindowOp> = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    key: someKey,
    start,
    value: fc.option(fc.string({ maxLength: 3 }), { freq: 4 }),
  }),
  fc.record({ type: fc.constant('fetch' as const), key: someKey, from: start, to: start }),
)

export interface WindowVariant {
  readonly timestamped: boolean
  readonly headers: boolean
  readonly caching: boolean
  readonly retainDuplicates: boolean
  readonly retentionMs: number
  readonly windowSizeMs: number
}

export function windowModel(variant: WindowVariant): ModelledKind<Model, WindowOp> {
  const { timestamped, headers, retainDuplicates, retentionMs, windowSizeMs } = variant
  const spec: WindowSpec = {
    kind: 'window',
    name: 'windows',
    keySerde: textSerde,
    valueSerde: jsonSerde,
    logging: true,
    ...variant,
  }
  const flags = Object.entries(variant).filter(([, value]) => value !== false)
  const api = (store: { readonly api: unknown }) => store.api as WindowStore<string, unknown>
  const plain = (stored: unknown): unknown => {
    if (stored === null || !timestamped) return stored
    const row = stored as ValueAndTimestamp<string>
    return { value: row.value, timestamp: row.timestamp, headers: plainHeaders(row.headers) }
  }
  const expectedOf = (row: ModelRow): unknown =>
    timestamped ? { value: row.value, timestamp: row.timestamp, headers: row.headers } : row.value
  /** Rows that have not expired, by start, then key, then age. */
  const alive = (model: Model): ModelRow[] =>
    model.rows
      .filter((row) => row.start > model.observed - retentionMs)
      .sort((a, b) => a.start - b.start || compareBytes(a.key, b.key))
  const windowed = (row: ModelRow): [Windowed<string>, unknown] => [
    { key: row.key, window: { start: row.start, end: row.start + windowSizeMs } },
    expectedOf(row),
  ]
  const ofKey = (model: Model, key: string, from: number, to: number): Array<[number, unknown]> =>
    alive(model)
      .filter((row) => row.key === key && row.start >= from && row.start <= to)
      .map((row) => [row.start, expectedOf(row)])
  const list = (rows: Iterable<readonly [unknown, unknown]>) => Array.from(rows, ([key, value]) => [key, plain(value)])

  const put = (model: Model, op: WindowOp & { type: 'put' }, moment: Moment): void => {
    if (op.value === null && retainDuplicates) return
    model.observed = Math.max(model.observed, op.start)
    if (op.start <= model.observed - retentionMs) return
    if (!retainDuplicates) model.rows = model.rows.filter((row) => row.key !== op.key || row.start !== op.start)
    if (op.value === null) return
    model.rows.push({
      key: op.key,
      start: op.start,
      value: op.value,
      timestamp: moment.recordTimestamp,
      headers: headers ? plainHeaders(moment.headers) : [],
    })
  }

  return {
    title: `window store (${flags.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(', ')})`,
    spec,
    empty: () => ({ rows: [], observed: -1 }),
    apply(store, model, op, moment) {
      if (op.type === 'put') {
        const stored = timestamped ? { value: op.value, timestamp: moment.recordTimestamp } : op.value
        api(store).put(op.key, op.value === null ? null : stored, op.start)
        put(model, op, moment)
        return {
          actual: plain(api(store).fetch(op.key, op.start)),
          expected: ofKey(model, op.key, op.start, op.start).at(-1)?.[1] ?? null,
        }
      }
      const forward = list(api(store).fetchRange(op.key, op.from, op.to))
      const backward = list(api(store).backwardFetchRange(op.key, op.from, op.to))
      const every = list(api(store).fetchAll(op.from, op.to))
      const expected = ofKey(model, op.key, op.from, op.to)
      return {
        actual: { forward, backward: backward.reverse(), every },
        expected: {
          forward: expected,
          backward: expected,
          every: alive(model)
            .filter((row) => row.start >= op.from && row.start <= op.to)
            .map(windowed),
        },
      }
    },
    dump: (store, model) => ({ actual: list(api(store).all()), expected: alive(model).map(windowed) }),
    async committed(store, model) {
      const expected = alive(model).map(windowed)
      const committed = new Committed(store, spec)
      const all = list(await committed.scan())
      const gets = retainDuplicates
        ? expected
        : await Promise.all(expected.map(async ([key]) => [key, plain(await committed.get(key))]))
      const forward = list(await committed.pages(false))
      const backward = list(await committed.pages(true)).reverse()
      return {
        actual: { all, forward, backward, gets },
        expected: { all: expected, forward: expected, backward: expected, gets: expected },
      }
    },
  }
}
