import { StreamsTopologyError } from '../state/ports/errors.ts'
import { shownKind } from '../state/ports/serde.ts'

/** Kafka's limit for topic names. Node and store names keep it too, because topics are named after them. */
const MAX_NAME_LENGTH = 249
const LEGAL = /^[a-zA-Z0-9._-]+$/

/**
 * Checks the name of a node, store or topic by Kafka's rules for topic names.
 * @throws StreamsTopologyError when Kafka would refuse a topic of that name.
 */
export function validateName(name: string): string {
  if (typeof name !== 'string')
    throw new StreamsTopologyError(`the name of a node, a store or a topic must be a string, not ${shownKind(name)}`)
  if (name === '') throw new StreamsTopologyError('a name must not be empty')
  if (name === '.' || name === '..') throw new StreamsTopologyError(`a name must not be "${name}"`)
  if (name.length > MAX_NAME_LENGTH)
    throw new StreamsTopologyError(`the name "${name}" is longer than ${MAX_NAME_LENGTH} characters`)
  if (!LEGAL.test(name))
    throw new StreamsTopologyError(
      `the name "${name}" has characters other than ASCII letters, digits, ".", "_" and "-"`,
    )
  return name
}

/**
 * Hands out node and store names with one running number, in the order operators are called: the same program
 * gets the same names, and they are those of Kafka Streams. A number is used up even when a name is given, so
 * that naming one operator does not rename the others.
 */
export class NameGenerator {
  #index = 0
  readonly #generated = new Set<string>()

  /** `<prefix><ten digits>` */
  processor(prefix: string): string {
    return this.remember(prefix + this.#next())
  }

  /** `<prefix>STATE-STORE-<ten digits>` */
  store(prefix: string): string {
    return this.remember(`${prefix}STATE-STORE-${this.#next()}`)
  }

  /** The given name, or a generated one; takes a number either way. */
  orElse(name: string | undefined, prefix: string): string {
    const generated = this.processor(prefix)
    return name === undefined ? generated : validateName(name)
  }

  /** Like orElse, but a given name takes no number. Kafka Streams does this for process and processValues only. */
  orElseUnnumbered(name: string | undefined, prefix: string): string {
    return name === undefined ? this.processor(prefix) : validateName(name)
  }

  /** The given name with a suffix, or a generated one; takes a number either way. */
  suffixOrElse(name: string | undefined, suffix: string, prefix: string): string {
    const generated = this.processor(prefix)
    return name === undefined ? generated : validateName(name + suffix)
  }

  /** True when the name contains a running number of this generator: it changes when an operator is added before it. */
  isGenerated(name: string): boolean {
    return this.#generated.has(name)
  }

  /** Marks a name that contains a generated one as generated. */
  remember(name: string): string {
    this.#generated.add(name)
    return name
  }

  #next(): string {
    const digits = String(this.#index).padStart(10, '0')
    this.#index += 1
    return digits
  }
}
