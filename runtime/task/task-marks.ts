/*
 * Numbers of a task that stand in the metadata of each committed offset of its sources: so none is lost when a source
 * topic is added, removed or renamed. The list is closed, so their text has a bound whatever the topology (brokers take 4,096 bytes).
 * Numbers that an operator must remember are kept with its store instead (StoreSpec.keptNumbers).
 */
const TASK_MARKS = [
  '$replay.epoch',
  '$replay.unfinished',
  '$replay.rewound',
  '$idle-ticks.time',
  '$idle-ticks.position',
  /** Stream time up to which an operator has closed windows by the clock. */
  '$windows.closed',
  /** The time that devices agree on (agreed-time.ts). A commit that sets these marks sets them on all partitions. */
  '$agreed-time.value',
  '$agreed-time.last',
  '$agreed-time.device',
] as const

export type TaskMark = (typeof TASK_MARKS)[number]

export interface TaskMarks {
  /** null: never set. */
  get(mark: TaskMark): number | null
  set(mark: TaskMark, value: number): void
}

export type Numbers = ReadonlyMap<string, number>

/** Merges the marks of all offsets of one task. Each number only grows, so the greatest is the latest. */
export function mergeNumbers(ofPartitions: Iterable<Numbers>): Numbers {
  const merged = new Map<string, number>()
  for (const numbers of ofPartitions)
    for (const [name, value] of numbers) merged.set(name, Math.max(value, merged.get(name) ?? value))
  return merged
}

/** The marks among the numbers. What else there is comes from versions that kept the times of operators there, too. */
export function marksOf(numbers: Numbers): Map<TaskMark, number> {
  return new Map(
    TASK_MARKS.flatMap((mark) => {
      const value = numbers.get(mark)
      return value === undefined ? [] : [[mark, value]]
    }),
  )
}
