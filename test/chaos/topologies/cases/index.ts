import type { ChaosCase } from '../chaos-case.ts'
import { CALLS } from './calls.ts'
import { COGROUP } from './cogroup.ts'
import { GLOBAL } from './global.ts'
import { PROCESSORS } from './processors.ts'
import { ROUTES } from './routes.ts'
import { SESSIONS } from './sessions.ts'
import { STORES } from './stores.ts'
import { STREAMS } from './streams.ts'
import { TABLES } from './tables.ts'
import { TIMES } from './times.ts'
import { WINDOWS } from './windows.ts'

export const CASES: readonly ChaosCase[] = [
  WINDOWS,
  TABLES,
  STREAMS,
  SESSIONS,
  PROCESSORS,
  GLOBAL,
  COGROUP,
  ROUTES,
  CALLS,
  TIMES,
  STORES,
]

/** @throws RangeError for a name that no case has */
export function casesOf(names: readonly string[]): readonly ChaosCase[] {
  if (names.includes('all')) return CASES
  return names.map((name) => {
    const found = CASES.find((one) => one.name === name)
    if (found === undefined) throw new RangeError(`no topology is named ${name}: ${CASES.map((one) => one.name)}`)
    return found
  })
}
