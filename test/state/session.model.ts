import fc from 'fast-check'
import type { SessionSpec } from '../../state/ports/store-spec.ts'
import type { SessionStore, Windowed } from '../../state/ports/stores.ts'
import { Committed } from '../support/committed.ts'
import { someKey } from './key-value.model.ts'
import { jsonSerde, textSerde } from './serdes.ts'
import { compareBytes, type ModelledKind } from './store-model.ts'

interface ModelRow {
  key: string
  start: number
  end: number
  value: string
}

interface Model {
  rows: ModelRow[]
  observed: number
}

export type SessionOp =
  | { readonly type: 'put'; readonly key: string; readonly times: [number, number]; readonly value: string | null }
  | { readonly type: 'remove'; readonly key: string; readonly times: [number, number] }
  | { readonly type: 'find'; readonly key: string; readonly earliestEnd: number; readonly latestStart: number }

const time = fc.constantFrom(0, 0, 5, 10, 20, 30, 40)
/** Few different sessions, so that they meet again. */
const times = fc.tuple(fc.constantFrom(0, 5, 10, 20, 30), fc.constantFrom(0, 5, 10, 20)).map(([start, length]) => {
  return [start, start + length] as [number, number]
})

export const sessionOps: fc.Arbitrary<SessionOp> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key: someKey,
      times,
      value: fc.option(fc.string({ maxLength: 3 }), { freq: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), key: someKey, times }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('find' as const), key: someKey, earliestEnd: time, latestStart: time }),
  },
)

export function sessionModel(retentionMs: number, caching: boolean): ModelledKind<Model, SessionOp> {
  const spec: SessionSpec = {
    kind: 'session',
    name: 'sessions',
    keySerde: textSerde,
    valueSerde: jsonSerde,
    logging: true,
    caching,
    retentionMs,
  }
  const api = (store: { readonly api: unknown }) => store.api as SessionStore<string, unknown>
  const alive = (model: Model): ModelRow[] =>
    model.rows
      .filter((row) => row.end > model.observed - retentionMs)
      .sort((a, b) => a.end - b.end || compareBytes(a.key, b.key) || a.start - b.start)
  const windowed = ({ key, start, end, value }: ModelRow): [Windowed<string>, unknown] => [
    { key, window: { start, end } },
    value,
  ]
  const session = ({ key, times: [start, end] }: { key: string; times: [number, number] }): Windowed<string> => ({
    key,
    window: { start, end },
  })

  return {
    title: `session store (retention ${retentionMs}${caching ? ', caching' : ''})`,
    spec,
    empty: () => ({ rows: [], observed: -1 }),
    apply(store, model, op) {
      if (op.type === 'find') {
        const of = alive(model).filter((row) => row.key === op.key)
        return {
          actual: [[...api(store).findSessions(op.key, op.earliestEnd, op.latestStart)], [...api(store).fetch(op.key)]],
          expected: [
            of.filter((row) => row.end >= op.earliestEnd && row.start <= op.latestStart).map(windowed),
            of.map(windowed),
          ],
        }
      }
      const [start, end] = op.times
      const value = op.type === 'put' ? op.value : null
      if (op.type === 'put') api(store).put(session(op), op.value)
      else api(store).remove(session(op))
      model.observed = Math.max(model.observed, end)
      if (end > model.observed - retentionMs) {
        model.rows = model.rows.filter((row) => row.key !== op.key || row.start !== start || row.end !== end)
        if (value !== null) model.rows.push({ key: op.key, start, end, value })
      }
      const found = alive(model).find((row) => row.key === op.key && row.start === start && row.end === end)
      return { actual: api(store).fetchSession(op.key, start, end), expected: found?.value ?? null }
    },
    dump: (store, model) => ({ actual: [...api(store).all()], expected: alive(model).map(windowed) }),
    async committed(store, model) {
      const committed = new Committed(store, spec)
      const expected = alive(model).map(windowed)
      return {
        actual: {
          all: await committed.scan(),
          forward: await committed.pages(false),
          backward: (await committed.pages(true)).reverse(),
          gets: await Promise.all(expected.map(async ([key]) => [key, await committed.get(key)])),
        },
        expected: { all: expected, forward: expected, backward: expected, gets: expected },
      }
    },
  }
}
