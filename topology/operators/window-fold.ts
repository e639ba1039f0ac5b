import { answerOf } from '../../state/ports/thenable.ts'

/** How a windowed aggregate grows. Null stands for "none": a null result deletes the window's row. */
export interface WindowFold<K, V, A> {
  initial(): A | null
  add(key: K, value: V, aggregate: A | null): A | null
}

/** Sessions also grow together. */
export interface SessionFold<K, V, A> extends WindowFold<K, V, A> {
  /** `left` is what has been merged so far, beginning with the initial aggregate. */
  merge(key: K, left: A | null, right: A): A | null
}

/** `I`: what stands for the aggregate before the first record; `A` is a part of it, or it is null. */
export function windowFold<K, V, I, A>(functions: {
  readonly initializer: () => I
  readonly aggregator: (key: K, value: V, aggregate: A | I) => A | null
}): WindowFold<K, V, A> {
  const { initializer, aggregator } = functions
  return {
    initial: () => (answerOf('the initializer', initializer()) ?? null) as A | null,
    add: (key, value, aggregate) => aggregator(key, value, aggregate as A | I) ?? null,
  }
}

export function sessionFold<K, V, I, A>(functions: {
  readonly initializer: () => I
  readonly aggregator: (key: K, value: V, aggregate: A | I) => A | null
  readonly merger: (key: K, left: A | I, right: A) => A | null
}): SessionFold<K, V, A> {
  return {
    ...windowFold(functions),
    merge: (key, left, right) => functions.merger(key, left as A | I, right) ?? null,
  }
}

/** The first value is the first aggregate. */
export function reducingFold<K, V>(reducer: (aggregate: V, value: V) => V | null): SessionFold<K, V, V> {
  const add = (_key: K, value: V, aggregate: V | null): V | null =>
    aggregate === null ? value : (reducer(aggregate, value) ?? null)
  return { initial: () => null, add, merge: (key, left, right) => add(key, right, left) }
}
