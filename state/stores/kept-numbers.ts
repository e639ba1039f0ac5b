import { StreamsTopologyError } from '../ports/errors.ts'
import type { KeptNumber } from '../ports/kept-number.ts'

/** One number, per layer (see RowLayers): what processing sees, what the commit in flight holds, what is committed. */
class LayeredNumber implements KeptNumber {
  value = -1
  frozen = -1
  committed = -1

  advance(to: number): void {
    if (to > this.value) this.value = to
  }

  set(to: number): void {
    this.value = to
    this.frozen = to
    this.committed = to
  }
}

/** A prefix that no text in UTF-8 begins with. */
const RESERVED = '\xff\xferide-streams-kept'
/** Changelog key (binary string) of the record that holds the kept numbers. */
const NUMBERS_KEY = `${RESERVED}\x00`
const ESCAPED = `${RESERVED}\x01`

/*
 * Owns: the numbers that operators keep with one store.
 * 1. A discarded epoch did not happen: its numbers are forgotten with its rows.
 * 2. They are written as one record of the store's changelog, in the transaction of the rows they belong to, and only when one of
 *    them has grown. No row's key is that record's key: keys that begin with the reserved prefix are escaped.
 * 3. The names are fixed when the topology is built, so the record has a bound. Other names in it are ignored.
 */
export class KeptNumbers {
  readonly #storeName: string
  readonly #numbers: ReadonlyMap<string, LayeredNumber>

  constructor(storeName: string, names: readonly string[]) {
    this.#storeName = storeName
    this.#numbers = new Map(names.map((name) => [name, new LayeredNumber()]))
  }

  get isEmpty(): boolean {
    return this.#numbers.size === 0
  }

  /** @throws StreamsTopologyError when the store does not declare the name */
  of(name: string): KeptNumber {
    const number = this.#numbers.get(name)
    if (number === undefined)
      throw new StreamsTopologyError(`store ${this.#storeName} keeps no number ${name}: declare it in keptNumbers`)
    return number
  }

  /** True when a number has grown since the last freeze. */
  get isDirty(): boolean {
    for (const number of this.#numbers.values()) if (number.value !== number.frozen) return true
    return false
  }

  /** Returns the text for the changelog; null: no number has grown. */
  freeze(): string | null {
    const text = this.isDirty ? this.#encode(({ value }) => value) : null
    for (const number of this.#numbers.values()) number.frozen = number.value
    return text
  }

  settle(): void {
    for (const number of this.#numbers.values()) number.committed = number.frozen
  }

  discard(): void {
    for (const number of this.#numbers.values()) number.set(number.committed)
  }

  reset(): void {
    for (const number of this.#numbers.values()) number.set(-1)
  }

  /** From the changelog or the backend: a later text wins, also where its numbers are smaller (a replay went back in time). */
  restore(text: string): void {
    const kept = decodeKeptNumbers(text)
    for (const [name, number] of this.#numbers) number.set(kept.get(name) ?? -1)
  }

  /** The committed numbers. */
  get text(): string {
    return this.#encode(({ committed }) => committed)
  }

  /** Changelog key of a row. */
  toChangelog(key: string): string {
    return !this.isEmpty && key.startsWith(RESERVED) ? ESCAPED + key.slice(RESERVED.length) : key
  }

  /** Key of the row that a changelog key stands for; null: it is the record of the numbers. */
  fromChangelog(key: string): string | null {
    if (this.isEmpty || !key.startsWith(RESERVED)) return key
    return key === NUMBERS_KEY ? null : RESERVED + key.slice(ESCAPED.length)
  }

  #encode(layerOf: (number: LayeredNumber) => number): string {
    const known: Record<string, number> = {}
    for (const [name, number] of this.#numbers) if (layerOf(number) !== -1) known[name] = layerOf(number)
    return JSON.stringify(known)
  }
}

/** Changelog key of the record with a store's kept numbers. */
export const KEPT_NUMBERS_KEY: Buffer = Buffer.from(NUMBERS_KEY, 'latin1')

/** Decodes the numbers of such a record and ignores those of other programs. */
export function decodeKeptNumbers(text: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  try {
    const decoded: unknown = JSON.parse(text)
    if (typeof decoded !== 'object' || decoded === null) return numbers
    for (const [name, value] of Object.entries(decoded)) if (Number.isSafeInteger(value)) numbers.set(name, value)
  } catch {
    // Another program wrote it: it counts as no numbers.
  }
  return numbers
}
