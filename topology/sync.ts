/*
 * Types of what callbacks answer. Everything in a topology is synchronous, so a function that answers a promise does not compile; where
 * types do not reach, the record fails (state/ports/thenable.ts).
 */

/** The answer itself; a promise is none. */
export type Sync<T> = T extends PromiseLike<unknown> ? never : T

/** The answer of a callback that nobody uses: whatever it is, no promise. */
// biome-ignore lint/suspicious/noConfusingVoidType: `undefined` alone would refuse functions without a return.
export type Unused = void | null | undefined | { valueOf(): unknown; readonly then?: undefined }
