import { decodeOffsetMetadata } from '../../../runtime/commit/offset-metadata.ts'
import type { CommittedOffset, TopicPartition } from '../../../runtime/ports/log.ts'
import type { TaskPartitions } from '../../../runtime/ports/membership.ts'
import type { InputSpan } from '../../../runtime/replay/rebuild-options.ts'
import { closedUpTo } from '../../../runtime/task/idle-ticks.ts'
import { mergeNumbers } from '../../../runtime/task/task-marks.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'

export interface GoneRange extends TopicPartition {
  /** Records below this offset are gone. */
  readonly below: number
}

/** How far the application got, and what of its input is still there. */
export interface InputCut {
  /** Every committed offset of the application's sources, repartition topics too. */
  readonly committed: readonly CommittedOffset[]
  /** Input topics, from their first record to the committed offset (or the moment asked for). */
  readonly input: readonly InputSpan[]
  readonly gone: readonly GoneRange[]
  /** Stream time up to which the application has closed the windows of a task; -1: none. */
  readonly closedUpTo: ReadonlyMap<string, number>
}

export interface InputCutOptions {
  readonly admin: Pick<KafkaAdmin, 'committedOffsets' | 'earliestOffsets' | 'offsetsForTime'>
  readonly groupId: string
  readonly tasks: readonly TaskPartitions[]
  /** Repartition topics of the plan. */
  readonly repartitionTopics: ReadonlySet<string>
  /** Input records from the first one of that time (epoch ms) on are left out; null = none. */
  readonly toTime: number | null
}

/** Reads stable offsets first, so that all they stand for is below ends that are asked for later. */
export async function takeInputCut(options: InputCutOptions): Promise<InputCut> {
  const { admin, groupId, tasks, repartitionTopics, toTime } = options
  const sources = tasks.flatMap(({ partitions }) => partitions)
  const committed = await admin.committedOffsets(groupId, sources)
  const offsets = new Map(committed.map((at) => [partitionKey(at), at]))
  const inputs = uniqueOf(sources.filter(({ topic }) => !repartitionTopics.has(topic)))
  const first = await admin.earliestOffsets(inputs)
  const atTime = toTime === null ? null : await admin.offsetsForTime(inputs, toTime)
  const input = inputs.map((at, index): InputSpan => {
    const from = first[index] ?? 0
    const offset = offsets.get(partitionKey(at))?.offset ?? from
    const limit = atTime?.[index] ?? -1
    return { ...at, from, to: Math.max(from, limit < 0 ? offset : Math.min(offset, limit)) }
  })
  const gone = input
    .filter(({ from }) => from > 0)
    .map(({ topic, partition, from }) => ({ topic, partition, below: from }))
  const closed = new Map(
    tasks.map(({ taskId, partitions }): [string, number] => {
      const numbers = partitions.map(
        (source) => decodeOffsetMetadata(offsets.get(partitionKey(source))?.metadata ?? '').numbers,
      )
      return [taskId, toTime === null ? closedUpTo(mergeNumbers(numbers)) : -1]
    }),
  )
  return { committed, input, gone, closedUpTo: closed }
}

/** False when the application has committed since. */
export function isSameMoment(a: InputCut, b: InputCut): boolean {
  const offsets = new Map(a.committed.map((at) => [partitionKey(at), at.offset]))
  return b.committed.length === offsets.size && b.committed.every((at) => offsets.get(partitionKey(at)) === at.offset)
}

function uniqueOf(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
  return [...new Map(partitions.map((at) => [partitionKey(at), at])).values()]
}
