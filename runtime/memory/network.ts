/**
 * Between the clients and the in-memory cluster. A call is a request that arrives, an operation that runs at the broker,
 * and a reply; a network may delay, reorder and lose any of them. `LostError` is what a client sees of a loss.
 */
export interface Network {
  call<T>(client: string, label: string, operation: () => T): Promise<T>
  /** An operation that the cluster runs by itself, later (transaction markers). */
  background(label: string, operation: () => void): void
}

/** The request or its reply was lost: the operation may or may not have run. */
export class LostError extends Error {}

/** Everything arrives at once and nothing is lost. */
export const IDEAL_NETWORK: Network = {
  call: (_client, _label, operation) => new Promise((resolve) => resolve(operation())),
  background: (_label, operation) => operation(),
}
