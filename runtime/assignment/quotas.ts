export interface Weighted {
  readonly processId: string
  readonly threads: number
}

/**
 * How many of the tasks each process shall have: its share by threads, rounded down, and one more for some. One more goes
 * first to those that have it already (`claimed`: process id -> tasks it would keep), so that rounding moves nothing; then by the
 * largest remainder, then by process id.
 */
export function quotasOf(
  tasks: number,
  members: readonly Weighted[],
  claimed: ReadonlyMap<string, number>,
): Map<string, number> {
  const threads = threadsOf(members)
  const shares = members.map(({ processId, threads: own }) => {
    const floor = Math.floor((tasks * own) / threads)
    return { processId, floor, remainder: (tasks * own) % threads, hasMore: (claimed.get(processId) ?? 0) > floor }
  })
  const quotas = new Map(shares.map(({ processId, floor }) => [processId, floor]))
  const rest = tasks - shares.reduce((sum, { floor }) => sum + floor, 0)
  const first = shares
    .filter(({ remainder }) => remainder > 0)
    .sort(
      (a, b) =>
        Number(b.hasMore) - Number(a.hasMore) || b.remainder - a.remainder || (a.processId < b.processId ? -1 : 1),
    )
  for (const { processId, floor } of first.slice(0, rest)) quotas.set(processId, floor + 1)
  return quotas
}

/** The most a process may have of some tasks that cost alike: its share by threads, rounded up. */
export function capOf(tasks: number, member: Weighted, members: readonly Weighted[]): number {
  return Math.ceil((tasks * member.threads) / threadsOf(members))
}

function threadsOf(members: readonly Weighted[]): number {
  return members.reduce((sum, { threads }) => sum + threads, 0)
}
