import { isDeepStrictEqual } from 'node:util'
import type { ReadRecord } from '../support/kafkajs.ts'
import { type InputRecord, type Json, type Oracle, oracle } from '../support/oracle.ts'

export interface Difference {
  /** wrong: neither a record that is missing nor one that is there once more. */
  readonly kind: 'lost' | 'duplicated' | 'wrong'
  readonly count: number
  readonly text: string
  /** The input record it goes back to, where that is known. */
  readonly cause: InputRecord | null
}

export interface JudgeInput {
  readonly applicationId: string
  readonly input: readonly ReadRecord[]
  /** Committed records of the outputs, by partition in offset order. */
  readonly outputs: readonly ReadRecord[]
}

/**
 * The outputs against the oracle. Cell changes and dead letters are determined one by one: compared as multisets, and the cell
 * changes in order. Of trip states and revenue a commit may swallow some: the last value per key counts, and a trip's state
 * never goes back. [] = nothing lost, nothing twice, nothing wrong.
 */
export function differencesFromOracle({ applicationId, input, outputs }: JudgeInput): Difference[] {
  const records = input.map(toInput)
  const expected = oracle(records)
  const of = (topic: string) => outputs.filter((record) => record.topic === topic)
  return [
    ...cellChangeDifferences(expected, of('driver.cell.changed'), records),
    ...deadLetterDifferences(expected, of(`${applicationId}.dlq`), records),
    ...tripDifferences(expected, of('trip.state'), records),
    ...revenueDifferences(expected, of('analytics.hourly_revenue')),
  ]
}

function toInput({ topic, partition, offset, key, value, timestamp }: ReadRecord): InputRecord {
  return { topic, partition, offset: Number(offset), key, value, timestamp: Number(timestamp) }
}

function cellChangeDifferences(
  expected: Oracle,
  outputs: readonly ReadRecord[],
  input: readonly InputRecord[],
): Difference[] {
  const differences: Difference[] = []
  const actual = Map.groupBy(outputs, ({ key }) => String(key))
  for (const driver of new Set([...expected.cellChanges.keys(), ...actual.keys()])) {
    const changes = expected.cellChanges.get(driver) ?? []
    const wanted = changes.map(({ value }) => canonical(value))
    const found = (actual.get(driver) ?? []).map(({ value }) => canonical(parsed(value)))
    if (isDeepStrictEqual(wanted, found)) continue
    const causeOf = (text: string) => {
      const timestamp = changes.find(({ value }) => canonical(value) === text)?.timestamp
      return causedBy(
        input,
        (record) => String(record.key) === driver && (timestamp === undefined || record.timestamp === timestamp),
      )
    }
    const unequal = multisetDifferences(wanted, found, causeOf)
    differences.push(...unequal)
    if (unequal.length === 0) {
      differences.push({ kind: 'wrong', count: 1, text: `cells of ${driver} in another order`, cause: causeOf('') })
    }
  }
  return differences
}

function deadLetterDifferences(
  expected: Oracle,
  outputs: readonly ReadRecord[],
  input: readonly InputRecord[],
): Difference[] {
  const wanted = expected.deadLetters.map(
    ({ topic, partition, offset }) => `dead letter ${topic}-${partition}@${offset}`,
  )
  const found = outputs.map(({ headers }) => {
    const header = (name: string): string => String(headers?.[`__streams.errors.${name}`])
    return `dead letter ${header('topic')}-${header('partition')}@${header('offset')}`
  })
  return multisetDifferences(wanted, found, (text) =>
    causedBy(input, ({ topic, partition, offset }) => text === `dead letter ${topic}-${partition}@${offset}`),
  )
}

/** Records that must be there, each as a text, against those that are. */
export function multisetDifferences(
  wanted: readonly string[],
  found: readonly string[],
  causeOf: (text: string) => InputRecord | null,
): Difference[] {
  const counts = new Map<string, { wanted: number; found: number }>()
  const count = (text: string) => {
    const one = counts.get(text) ?? { wanted: 0, found: 0 }
    counts.set(text, one)
    return one
  }
  for (const text of wanted) count(text).wanted++
  for (const text of found) count(text).found++
  return [...counts]
    .filter(([, one]) => one.wanted !== one.found)
    .map(([text, one]) => {
      const kind = one.found < one.wanted ? 'lost' : one.wanted > 0 ? 'duplicated' : 'wrong'
      return { kind, count: Math.abs(one.wanted - one.found), text, cause: causeOf(text) }
    })
}

function tripDifferences(
  expected: Oracle,
  outputs: readonly ReadRecord[],
  input: readonly InputRecord[],
): Difference[] {
  const differences: Difference[] = []
  const actual = Map.groupBy(outputs, ({ key }) => String(key))
  const causeOf = (trip: string) => causedBy(input, ({ key }) => String(key) === trip)
  for (const [trip, wanted] of expected.trips) {
    const states = (actual.get(trip) ?? []).map(({ value }) => parsed(value))
    if (!isDeepStrictEqual(states.at(-1), wanted)) {
      const text = `${trip} ends as ${canonical(states.at(-1) ?? null)}, expected ${canonical(wanted)}`
      differences.push({ kind: 'lost', count: 1, text, cause: causeOf(trip) })
    }
    const times = states.map((state) => String(state.updatedAt))
    if (times.some((time, i) => i > 0 && time < (times[i - 1] as string))) {
      differences.push({ kind: 'wrong', count: 1, text: `${trip} goes back in time`, cause: causeOf(trip) })
    }
  }
  for (const trip of actual.keys()) {
    if (!expected.trips.has(trip)) {
      differences.push({ kind: 'wrong', count: 1, text: `${trip} has no event`, cause: null })
    }
  }
  return differences
}

function revenueDifferences(expected: Oracle, outputs: readonly ReadRecord[]): Difference[] {
  const differences: Difference[] = []
  const last = new Map(outputs.map(({ key, value }) => [String(key), parsed(value)]))
  for (const hour of new Set([...expected.revenue.keys(), ...last.keys()])) {
    const found = last.get(hour) ?? { hour, revenue: 0, trips: 0 }
    const { revenue, trips } = expected.revenue.get(hour) ?? { revenue: 0, trips: 0 }
    if (isDeepStrictEqual(found, { hour, revenue, trips })) continue
    const surplus = Number(found.trips) - trips
    const kind = surplus > 0 ? 'duplicated' : surplus < 0 ? 'lost' : 'wrong'
    const text = `${hour}: ${canonical(found)}, expected ${canonical({ hour, revenue, trips })}`
    differences.push({ kind, count: Math.abs(surplus) || 1, text, cause: null })
  }
  return differences
}

/** The last one, when several fit. */
function causedBy(input: readonly InputRecord[], fits: (record: InputRecord) => boolean): InputRecord | null {
  return input.findLast(fits) ?? null
}

function parsed(value: Buffer | null): Json {
  return JSON.parse(String(value)) as Json
}

/** JSON by which equal values are equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
