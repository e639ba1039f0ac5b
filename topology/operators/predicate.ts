import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'

/** Takes a predicate's answer as `if` would. @param node names the predicate @throws UserCodeError for a promise, which would always hold */
export function holds(answer: unknown, node: string): boolean {
  if (answer === true || answer === false) return answer
  if (isThenable(answer)) throw refusedPromise(`the predicate of ${node}`, answer)
  return Boolean(answer)
}
