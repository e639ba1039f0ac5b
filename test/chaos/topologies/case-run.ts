import { partitionForKey } from '../../../exports/index.ts'
import { Random } from '../../support/random.ts'
import {
  type CaseInput,
  type CaseRecord,
  type ChaosCase,
  CLOSING_KEYS,
  DAY_MS,
  PARTITIONS,
  START,
  STEP_MS,
} from './chaos-case.ts'

/** Two, because the results of a record that closes windows may need one that closes its own. */
const CLOSINGS = 2

/** The load of several cases, in turns. */
export function recordsOf(cases: readonly ChaosCase[], seed: number, count: number): CaseRecord[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, i) => {
    const own = cases[i % cases.length]
    if (own === undefined) throw new RangeError('a load needs a topology')
    return own.record(random, START + DAY_MS + Math.floor(i / cases.length) * STEP_MS)
  })
}

/** The records that close windows; each part is sent when all before is committed. */
export function closingsOf(cases: readonly ChaosCase[]): CaseRecord[][] {
  return Array.from({ length: CLOSINGS }, (_, n) => {
    const timestamp = START + 30 * (n + 1) * DAY_MS
    const records = cases.flatMap((one) => CLOSING_KEYS.flatMap((key) => one.closing?.(key) ?? []))
    return records.map((record) => ({ ...record, timestamp }))
  })
}

/** The record as it lies in its partition. */
export function placed(record: CaseRecord): CaseInput {
  return { ...record, partition: partitionForKey(Buffer.from(record.key), PARTITIONS) }
}
