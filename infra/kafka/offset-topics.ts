import type { CommittedOffset } from '../../runtime/ports/log.ts'

/** Groups by topic, as most requests want it. */
export function byTopic<T extends { readonly topic: string }, P>(
  items: readonly T[],
  map: (item: T) => P,
): Array<{ name: string; partitions: P[] }> {
  const topics = new Map<string, P[]>()
  for (const item of items) {
    const partitions = topics.get(item.topic)
    if (partitions) partitions.push(map(item))
    else topics.set(item.topic, [map(item)])
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}

/** The `topics` field of OffsetCommit and TxnOffsetCommit: all partitions in one request. */
export function offsetTopics(offsets: readonly CommittedOffset[]) {
  return byTopic(offsets, ({ partition, offset, metadata }) => ({
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: -1,
    committedMetadata: metadata,
  }))
}

/** First error code of an offset commit's answer; 0 when all partitions are stored. */
export function firstOffsetError(answer: {
  readonly topics: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly errorCode: number }> }>
}): number {
  for (const topic of answer.topics) for (const { errorCode } of topic.partitions) if (errorCode !== 0) return errorCode
  return 0
}
