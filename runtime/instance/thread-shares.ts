import { compareTaskIds, parseTaskId } from '../task/task-id.ts'

/**
 * Deals the tasks of one process to its stream threads; answers task -> thread. In order of weight: even (threads differ by
 * one task at most), each subtopology spread, sticky (a task stays where it was before if that allows it).
 */
export function dealToThreads(
  tasks: readonly string[],
  threads: number,
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const shares = Array.from({ length: threads }, () => ({ all: 0, bySubtopology: new Map<number, number>() }))
  const fewest = Math.floor(tasks.length / threads)
  // The number of threads with one more task.
  let extra = tasks.length % threads
  const bySubtopology = new Map<number, number>()
  for (const id of tasks) bySubtopology.set(subtopologyOf(id), (bySubtopology.get(subtopologyOf(id)) ?? 0) + 1)
  const dealt = new Map<string, number>()
  const give = (id: string, thread: number): void => {
    const share = shares[thread] as (typeof shares)[number]
    if (share.all >= fewest) extra--
    share.all++
    share.bySubtopology.set(subtopologyOf(id), countOf(thread, id) + 1)
    dealt.set(id, thread)
  }
  const countOf = (thread: number, id: string): number => shares[thread]?.bySubtopology.get(subtopologyOf(id)) ?? 0
  const hasRoom = (thread: number): boolean => {
    const all = shares[thread]?.all ?? Number.POSITIVE_INFINITY
    return all < fewest || (all === fewest && extra > 0)
  }
  const left: string[] = []
  for (const id of [...tasks].sort(compareTaskIds)) {
    const home = before.get(id)
    const most = Math.ceil((bySubtopology.get(subtopologyOf(id)) ?? 0) / threads)
    if (home !== undefined && hasRoom(home) && countOf(home, id) < most) give(id, home)
    else left.push(id)
  }
  for (const id of left) {
    const candidates = [...shares.keys()].filter(hasRoom)
    candidates.sort((a, b) => countOf(a, id) - countOf(b, id) || (shares[a]?.all ?? 0) - (shares[b]?.all ?? 0) || a - b)
    give(id, candidates[0] ?? 0)
  }
  return dealt
}

function subtopologyOf(id: string): number {
  return parseTaskId(id).subtopology
}
