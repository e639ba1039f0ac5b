import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'

/** Calls the initializer and returns its answer if it can be aggregated. @throws UserCodeError */
export function initialOf<I>(initializer: () => I): I {
  const initial = initializer()
  if (isThenable(initial)) throw refusedPromise('the initializer', initial)
  return initial
}
