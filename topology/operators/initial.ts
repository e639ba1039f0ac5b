import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'

/** What an initializer answers, if it can be aggregated. @throws UserCodeError */
export function initialOf<I>(initializer: () => I): I {
  const initial = initializer()
  if (isThenable(initial)) throw refusedPromise('the initializer', initial)
  return initial
}
