import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'

/** Takes a predicate's answer as `if` would. @throws UserCodeError for a promise, which would always hold */
export function holds(answer: unknown): boolean {
  if (answer === true || answer === false) return answer
  if (isThenable(answer)) throw refusedPromise('the predicate', answer)
  return Boolean(answer)
}
