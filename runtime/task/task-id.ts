/** Stands in place of a task id in queries to global stores. */
export const GLOBAL_TASK_ID = 'global'

/** `<subtopology>_<partition>`, as Kafka Streams prints task ids. */
export function taskId(subtopology: number, partition: number): string {
  return `${subtopology}_${partition}`
}

export function parseTaskId(id: string): { subtopology: number; partition: number } {
  const [subtopology, partition] = id.split('_').map(Number)
  if (subtopology === undefined || partition === undefined || Number.isNaN(subtopology) || Number.isNaN(partition)) {
    throw new RangeError(`"${id}" is not a task id`)
  }
  return { subtopology, partition }
}

/** How many tasks a subtopology has. @param partitions topic -> partition count */
export function taskCountOf(sourceTopics: readonly string[], partitions: ReadonlyMap<string, number>): number {
  return Math.max(0, ...sourceTopics.map((topic) => partitions.get(topic) ?? 0))
}

/** Numeric order: 0_2 before 0_10 before 1_0. */
export function compareTaskIds(a: string, b: string): number {
  const left = parseTaskId(a)
  const right = parseTaskId(b)
  return left.subtopology - right.subtopology || left.partition - right.partition
}
