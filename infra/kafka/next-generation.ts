import type { GroupMetadata } from '../../runtime/ports/log.ts'
import { ErrorCode } from './protocol-error.ts'
import { Backoff, pause } from './retry.ts'

/** The generation that offsets were sent with is not (or not yet) the group's. */
const GENERATION_MOVED: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
])

/**
 * Returns the generation with which offsets are sent again after `refused` was refused with that error. A commit may meet a
 * rebalance: the coordinator is in the new generation already and this member is about to hear of it, so this waits for it.
 * null: there is nothing to wait for, or it did not come; the commit has failed.
 */
export async function nextGeneration(
  refused: GroupMetadata,
  errorCode: number,
  group: () => GroupMetadata | null,
  limits: { readonly deadline: number; readonly closing: AbortSignal },
): Promise<GroupMetadata | null> {
  if (!GENERATION_MOVED.has(errorCode)) return null
  const backoff = new Backoff(2, 50)
  for (;;) {
    const now = group()
    if (now === null) return null
    if (now.memberId !== refused.memberId || now.generation > refused.generation) return now
    // The group has no such member: a newer id will bring tasks of its own, if any.
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) return null
    if (performance.now() > limits.deadline || limits.closing.aborted) return null
    await pause(backoff.next(), limits.closing)
  }
}
