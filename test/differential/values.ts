import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import { type Serde, serdes, sessionWindowedSerde, timeWindowedSerde } from '../../topology/index.ts'

/* The functions that cases repeat, as in java/src/main/java/differential/Dsl.java. Values may be null. */

export type Text = string | null
export type Long = number | null

const text = serdes.string as Serde<string>
/** Key and value serdes: text, and numbers as int64. */
export const SS = { keySerde: text, valueSerde: text as Serde<Text> }
export const SL = { keySerde: text, valueSerde: serdes.int64 as Serde<Long> }
export const S = serdes.string
export const L = serdes.int64

/** For sinks: they never read, so they take any key and value. */
const write = (serde: Serde<string> | Serde<number>) => serde as unknown as Serde<never>
export const OUT = { keySerde: write(S), valueSerde: write(S) }
export const OUT_L = { keySerde: write(S), valueSerde: write(L) }

/** A named store of texts or numbers. */
export const kv = (name: string) => ({ name, keySerde: S, valueSerde: S })
export const kvLong = (name: string) => ({ name, keySerde: S, valueSerde: L })

/** A session store that keeps longer than it must: see Dsl.java. */
export const kept = (name: string) => ({ ...kv(name), retentionMs: 20_000 })
export const keptLong = (name: string) => ({ ...kvLong(name), retentionMs: 20_000 })

/** For sinks with windowed keys. */
export function windowed<V>(sizeMs: number, valueSerde: Serde<V>) {
  return { keySerde: timeWindowedSerde(S, sizeMs), valueSerde: valueSerde as unknown as Serde<never> }
}
export function sessions<V>(valueSerde: Serde<V>) {
  return { keySerde: sessionWindowedSerde(S), valueSerde: valueSerde as unknown as Serde<never> }
}

/** A store that processors count in. */
export const counts: KeyValueSpec = {
  kind: 'key-value',
  name: 'counts',
  keySerde: S as Serde<unknown>,
  valueSerde: L as Serde<unknown>,
  timestamped: false,
  logging: true,
  caching: false,
  scan: true,
}

/** "v17", "v17.2" and "r2:17" are 17; null is 0. */
export function number(value: Text): number {
  return value === null ? 0 : Number(/^(?:.*?:|.)(\d*)/.exec(value)?.[1])
}

/** "r2:17" is "r2"; "none:17" is null. */
export function reference(value: Text): Text {
  const row = value?.slice(0, value.indexOf(':')) ?? null
  return row === 'none' ? null : row
}

export function even(value: Text): boolean {
  return number(value) % 2 === 0
}

export function pair(left: unknown, right: unknown): string {
  return `${left}+${right}`
}

export function sum(a: Long, b: Long): number {
  return (a ?? 0) + (b ?? 0)
}

export function max(a: Long, b: Long): number {
  return Math.max(a ?? 0, b ?? 0)
}
