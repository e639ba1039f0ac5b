import { partitionForKey, type StreamsBuilder } from 'ride-streams'
import type { Random } from '../../support/random.ts'
import type { RisingStore } from './query-watch.ts'

/** Partitions of each topic of a case. */
export const PARTITIONS = 4
/** All times of records count from here. Long ago, so that nothing may go by the wall clock. */
export const START = Date.UTC(2026, 0, 1)
/** Between two records of a case. */
export const STEP_MS = 50
export const DAY_MS = 86_400_000
/** A grace that no record misses, however long an instance is away. */
export const NEVER_LATE_MS = DAY_MS

/** A record of an input topic, as a case makes and reads it. Keys are text and values JSON. */
export interface CaseRecord {
  readonly topic: string
  readonly key: string
  readonly value: unknown
  readonly timestamp: number
}

/** A record as it lies in an input topic. Oracles get them by partition, in offset order. */
export interface CaseInput extends CaseRecord {
  readonly partition: number
}

/** The records that must be in the output topics. Every row is as JSON has it. */
export interface Expected {
  /** By topic: each record, `key value`. Each must be there once. */
  readonly events?: Readonly<Record<string, readonly string[]>>
  /** By topic: the last value of each key. */
  readonly tables?: Readonly<Record<string, Rows>>
  /** By topic: the sum of the values of each key. */
  readonly sums?: Readonly<Record<string, ReadonlyMap<string, number>>>
}

/** Values as JSON; a key without a row is absent. */
export type Rows = ReadonlyMap<string, unknown>

/**
 * A topology that is not ours, with its input and an oracle that knows nothing of the engine. What must come of it in the end depends
 * neither on how partitions are interleaved nor on when commits are.
 */
export interface ChaosCase {
  readonly name: string
  readonly inputs: readonly string[]
  readonly globals?: readonly string[]
  readonly outputs: readonly string[]
  /** Outputs whose values never fall and never stay the same for a key. */
  readonly rising?: readonly string[]
  /** Stores whose counts never fall, and keys of them. */
  readonly risingStores?: readonly RisingStore[]
  add(builder: StreamsBuilder): void
  /** Is processed before anything else. */
  before?(): readonly CaseRecord[]
  /** The record at that time. */
  record(random: Random, timestamp: number): CaseRecord
  /** A record that passes time on in a partition: `key` belongs to it. Its keys begin with CLOSING, and its results do not count. */
  closing?(key: string): readonly Omit<CaseRecord, 'timestamp'>[]
  expected(input: readonly CaseInput[]): Expected
  /** Rows of key-value stores when all input but the closing records is processed. */
  stores?(input: readonly CaseInput[]): Readonly<Record<string, Rows>>
}

const CLOSING = 'close-'

/** For each partition a key that belongs to it. */
export const CLOSING_KEYS: readonly string[] = Array.from({ length: PARTITIONS }, (_, partition) => {
  for (let n = 0; ; n++) {
    const key = `${CLOSING}${n}`
    if (partitionForKey(Buffer.from(key), PARTITIONS) === partition) return key
  }
})

export function isClosing(key: string): boolean {
  return key.startsWith(CLOSING)
}

/** Records of one topic, those that close excepted. */
export function ofTopic<V>(input: readonly CaseInput[], topic: string): readonly (CaseInput & { readonly value: V })[] {
  return input.filter((one) => one.topic === topic && !isClosing(one.key)) as (CaseInput & { readonly value: V })[]
}

/** Latest rows of a topic that is a table; null deletes. */
export function latest<V>(input: readonly CaseInput[], topic: string): Map<string, V> {
  const rows = new Map<string, V>()
  for (const { key, value } of ofTopic<V | null>(input, topic)) {
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
  return rows
}

/** Keys with running numbers. */
export function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${name}-${n}`)
}

export function added(counts: Map<string, number>, key: string, amount: number): void {
  counts.set(key, (counts.get(key) ?? 0) + amount)
}
