import type { CommitRequest } from '../../topology/index.ts'

/** For each of the three commits between a request and its offer: a passenger waits for them. */
export const WAITED_FOR: CommitRequest = { ifCaughtUp: true }
