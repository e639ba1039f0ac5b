import { answerOf } from '../../state/ports/thenable.ts'

/** Takes a predicate's answer as `if` would. @param node names the predicate @throws UserCodeError for a promise, which would always hold */
export function holds(answer: unknown, node: string): boolean {
  return Boolean(answerOf('the predicate of', answer, node))
}
