import { StreamsTopologyError } from '../state/ports/errors.ts'
import { type Serde, shownKind } from '../state/ports/serde.ts'
import { answerOf } from '../state/ports/thenable.ts'

/*
 * Checks of a program's functions, numbers and serdes where it hands them to a topology. A program in plain JavaScript would otherwise
 * hear of a missing function from the first record that needs it. All throw StreamsTopologyError.
 */

/** @param what names the function */
export function aFunction<F>(what: string, given: F): F {
  if (typeof given === 'function') return given
  throw new StreamsTopologyError(`${what} must be a function, not ${shownKind(given)}`)
}

/**
 * A function that makes a new object at each call, as every task needs its own. Kafka Streams makes the same two calls.
 * @param what names the function
 * @throws UserCodeError when it returns a promise
 */
export function aSupplier<T>(what: string, given: () => T): () => T {
  aFunction(what, given)
  if (/^class\b/.test(Function.prototype.toString.call(given)))
    throw new StreamsTopologyError(`${what} must be a function, not a class: () => new ${given.name}()`)
  const made = answerOf(what, given())
  if (typeof made === 'object' && made !== null && made === given())
    throw new StreamsTopologyError(`${what} must make a new object at each call: tasks would share the one it returns`)
  return given
}

/** @param where names the operator whose options must have these functions */
export function withFunctions<O>(where: string, options: O, ...names: readonly (keyof O & string)[]): O {
  for (const name of names) {
    const given = options?.[name]
    if (typeof given !== 'function')
      throw new StreamsTopologyError(`${where} needs a function ${name} in its options, not ${shownKind(given)}`)
  }
  return options
}

export function aWholeNumber(what: string, given: number, least: number): number {
  if (Number.isSafeInteger(given) && given >= least) return given
  const shown = typeof given === 'number' ? String(given) : shownKind(given)
  throw new StreamsTopologyError(`${what} must be an integer of at least ${least}, not ${shown}`)
}

/** undefined stays so: it has a default. */
export function wholeNumberOrNone(what: string, given: number | undefined, least: number): number | undefined {
  return given === undefined ? given : aWholeNumber(what, given, least)
}

export function aSerde<T>(what: string, given: Serde<T>): Serde<T> {
  const { serialize, deserialize } = (given ?? {}) as Partial<Serde<T>>
  if (typeof serialize === 'function' && typeof deserialize === 'function') return given
  throw new StreamsTopologyError(`${what} must be a serde, with serialize() and deserialize(), not ${shownKind(given)}`)
}

/** @param maker names the function that makes such windows */
export function windowsOf<W>(where: string, given: W, kinds: readonly string[], maker: string): W {
  if (kinds.includes(String((given as { kind?: unknown } | null | undefined)?.kind))) return given
  throw new StreamsTopologyError(`${where} needs windows made by ${maker}, not ${shownKind(given)}`)
}
