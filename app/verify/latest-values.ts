import type { LogRecord } from '../../runtime/index.ts'
import type { Serialized } from '../../state/index.ts'
import type { Differences } from './differences.ts'
import { keyName } from './key-name.ts'

export interface LatestValuesOptions {
  readonly topic: string
  /** The text the topic should hold of a key; null: no such row. */
  readonly expected: (key: string) => string | null
  /** The text of a value in the form `expected` has. May throw for bytes that are no value of the topic. */
  readonly canonical: (bytes: Buffer) => Serialized
}

/*
 * The last value of each key of a table's topic, against what it should be.
 * 1. Only values that differ are held; of the others the key.
 * 2. Whatever came before a key's last value does not count.
 */
export class LatestValues {
  readonly #options: LatestValuesOptions
  readonly #right = new Set<string>()
  readonly #odd = new Map<string, string | null>()

  constructor(options: LatestValuesOptions) {
    this.#options = options
  }

  add({ key, value }: Pick<LogRecord, 'key' | 'value'>): void {
    const name = keyName(key)
    const found = value === null ? null : this.#textOf(value, this.#options.expected(name))
    if (found !== null && found === this.#options.expected(name)) {
      this.#right.add(name)
      this.#odd.delete(name)
    } else {
      this.#odd.set(name, found)
      this.#right.delete(name)
    }
  }

  /** Keys whose value is not the expected one, with what was found; null = deleted. */
  get odd(): ReadonlyMap<string, string | null> {
    return this.#odd
  }

  /**
   * Reports what differs. `excuse` may speak for an odd row (true: it is none) and change what is expected of it, `optional`
   * for a missing one.
   */
  report(
    differences: Differences,
    keys: Iterable<string>,
    excuse: (key: string, found: string | null) => boolean = () => false,
    optional: (key: string) => boolean = () => false,
  ): void {
    const { topic, expected } = this.#options
    differences.checked(topic, this.#right.size + this.#odd.size)
    for (const [key, found] of this.#odd) {
      if ((expected(key) === null && found === null) || excuse(key, found)) continue
      const wanted = expected(key)
      const kind = found === null ? 'missing' : wanted === null ? 'unexpected' : 'different'
      differences.add({ topic, key, kind, expected: wanted, found })
    }
    for (const key of keys) {
      if (this.#right.has(key) || this.#odd.has(key) || optional(key)) continue
      differences.add({ topic, key, kind: 'missing', expected: expected(key), found: null })
    }
  }

  #textOf(value: Buffer, expected: string | null): string {
    const text = value.toString('utf8')
    if (text === expected) return text
    try {
      return String(this.#options.canonical(value))
    } catch {
      // No value of this topic: it differs from everything, and is shown as it is.
      return text
    }
  }
}
