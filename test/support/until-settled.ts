import type { TaskStatus } from '../../runtime/ports/instance.ts'

export interface Rest {
  /** NUM_STANDBY_REPLICAS of the instances. */
  readonly standbys: number
  /** Most records of its changelog that a copy may lack. */
  readonly behind?: number
  readonly headers?: Record<string, string>
}

/** Resolves when the instances share the tasks evenly, with all copies they should have and no other: no more task will move. */
export async function untilSettled(
  instances: readonly { readonly url: string }[],
  { standbys, behind = 0, headers = {} }: Rest,
): Promise<void> {
  for (;;) {
    const all = await Promise.all(
      instances.map(async ({ url }) => {
        const { rows } = (await (await fetch(`${url}/tasks`, { headers })).json()) as { rows: TaskStatus[] }
        return Map.groupBy(rows, ({ state }) => state)
      }),
    )
    const running = all.map((tasks) => tasks.get('running')?.length ?? 0)
    const copies = all.flatMap((tasks) => tasks.get('standby') ?? [])
    const isEven = Math.min(...running) > 0 && Math.max(...running) - Math.min(...running) <= 1
    const isComplete = copies.length === standbys * running.reduce((sum, count) => sum + count)
    const isCaughtUp = copies.every(({ restore }) => restore.every(({ remaining }) => remaining <= behind))
    if (isEven && isComplete && isCaughtUp && !all.some((tasks) => tasks.has('restoring'))) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
