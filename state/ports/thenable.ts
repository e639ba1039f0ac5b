import { UserCodeError } from './errors.ts'

/** True for a promise and any object that `await` treats as one. Nothing in a topology waits, so no callback may return one. */
export function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/**
 * Returns the answer of a function of the user, which must not be a promise.
 * @param what says which function it is, and `name` ends the sentence: ('the mapper of', answer, 'to-cents')
 * @throws UserCodeError
 */
export function answerOf<T>(what: string, answer: T, name?: string): T {
  if (isThenable(answer)) throw refusedPromise(name === undefined ? what : `${what} ${name}`, answer)
  return answer
}

/** The error of a function that returned a promise. @param what names the function */
export function refusedPromise(what: string, promise: unknown): UserCodeError {
  // The record fails already. A later rejection of the promise would be unhandled and end the process.
  if (promise instanceof Promise) promise.catch(() => undefined)
  return new UserCodeError(
    `${what} returned a promise: everything in a topology is synchronous, so nothing would wait for it`,
  )
}
