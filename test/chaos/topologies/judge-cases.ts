import type { ReadRecord } from '../../support/kafkajs.ts'
import { canonical, type Difference, multisetDifferences } from '../judge.ts'
import { type CaseInput, type ChaosCase, isClosing, type Rows } from './chaos-case.ts'

interface Output {
  readonly key: string
  /** JSON, in one order. Null deletes. */
  readonly text: string | null
}

/** The committed outputs against what the oracles of the cases say. [] = nothing lost, nothing twice, nothing wrong. */
export function caseDifferences(
  cases: readonly ChaosCase[],
  input: readonly CaseInput[],
  outputs: readonly ReadRecord[],
): Difference[] {
  const byTopic = Map.groupBy(outputs, ({ topic }) => topic)
  const of = (topic: string): readonly Output[] =>
    (byTopic.get(topic) ?? []).map(toOutput).filter(({ key }) => !isClosing(key))
  return cases.flatMap((one) => {
    const { events = {}, tables = {}, sums = {} } = one.expected(input)
    return [
      ...Object.entries(events).flatMap(([topic, wanted]) =>
        multisetDifferences(
          wanted.map((text) => `${topic}: ${text}`),
          of(topic).map(({ key, text }) => `${topic}: ${key} ${text}`),
          () => null,
        ),
      ),
      ...Object.entries(tables).flatMap(([topic, rows]) => rowDifferences(topic, rows, lastRows(of(topic)))),
      ...Object.entries(sums).flatMap(([topic, rows]) => rowDifferences(topic, rows, summed(of(topic)))),
      ...(one.rising ?? []).flatMap((topic) => fallen(topic, of(topic))),
    ]
  })
}

/** Rows that must be there against those that are; values as JSON. */
export function rowDifferences(where: string, wanted: Rows, found: Rows): Difference[] {
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((key) => {
    const [expected, actual] = [wanted.get(key), found.get(key)]
    if (canonical(expected ?? null) === canonical(actual ?? null)) return []
    const text = `${where}: ${key} is ${canonical(actual ?? null)}, expected ${canonical(expected ?? null)}`
    const isTooMuch = typeof actual === 'number' && typeof expected === 'number' && actual > expected
    const kind = actual === undefined ? 'lost' : isTooMuch ? 'duplicated' : 'wrong'
    return [{ kind, count: 1, text, cause: null }]
  })
}

function toOutput({ key, value }: ReadRecord): Output {
  return { key: String(key), text: value === null ? null : canonical(JSON.parse(String(value))) }
}

function lastRows(outputs: readonly Output[]): Rows {
  const rows = new Map<string, unknown>()
  for (const { key, text } of outputs) {
    if (text === null) rows.delete(key)
    else rows.set(key, JSON.parse(text))
  }
  return rows
}

function summed(outputs: readonly Output[]): Rows {
  const rows = new Map<string, number>()
  for (const { key, text } of outputs) rows.set(key, (rows.get(key) ?? 0) + Number(text))
  return rows
}

/** A count that does not rise was counted twice, or came from a state that another one had replaced. */
function fallen(topic: string, outputs: readonly Output[]): Difference[] {
  const last = new Map<string, number>()
  return outputs.flatMap(({ key, text }) => {
    const before = last.get(key) ?? 0
    last.set(key, Number(text))
    if (Number(text) > before) return []
    return [{ kind: 'wrong', count: 1, text: `${topic}: ${key} goes from ${before} to ${text}`, cause: null }]
  })
}
