import type { Difference } from '../judge.ts'
import type { RunningProgram } from '../program.ts'
import type { CaseInput, ChaosCase, Rows } from './chaos-case.ts'
import { rowDifferences } from './judge-cases.ts'

/** Calls that are under way and punctuators that are due come to an end within this time. */
const PATIENCE_MS = 60_000
const AGAIN_MS = 250
const PAGE = 1000

/** The stores against the oracles: every instance is asked, and each answers for all partitions. */
export async function storeDifferences(
  cases: readonly ChaosCase[],
  input: readonly CaseInput[],
  running: readonly RunningProgram[],
): Promise<Difference[]> {
  const differences: Difference[] = []
  for (const [i, { url }] of running.entries()) {
    for (const one of cases) {
      for (const [store, wanted] of Object.entries(one.stores?.(input) ?? {})) {
        const found = () => rowsOf(`${url}/stores/${store}/rows`)
        differences.push(...(await lastDifferences(`store ${store} at instance ${i + 1}`, wanted, found)))
      }
    }
  }
  return differences
}

async function lastDifferences(
  where: string,
  wanted: Rows,
  found: () => Promise<Rows | string>,
): Promise<Difference[]> {
  for (const end = performance.now() + PATIENCE_MS; ; ) {
    const rows = await found()
    const differences: Difference[] =
      typeof rows === 'string'
        ? [{ kind: 'wrong', count: 1, text: `${where}: ${rows}`, cause: null }]
        : rowDifferences(where, wanted, rows)
    if (differences.length === 0 || performance.now() > end) return differences
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** All rows; a text says why there are none. */
async function rowsOf(url: string): Promise<Rows | string> {
  const rows = new Map<string, unknown>()
  for (let cursor: string | null = ''; cursor !== null; ) {
    const answer = await fetch(`${url}?limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    const text = await answer.text()
    if (!answer.ok) return `${answer.status} ${text}`
    const page = JSON.parse(text) as {
      readonly rows: readonly { readonly key: unknown; readonly value: unknown }[]
      readonly nextCursor: string | null
    }
    for (const { key, value } of page.rows) {
      if (rows.has(String(key))) return `${key} is there twice`
      rows.set(String(key), value)
    }
    cursor = page.nextCursor
  }
  return rows
}
