export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `topic:partition`, the key of a partition in maps. The `:` cannot stand in a topic's name, so two partitions never share a key. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}

/** `topic-partition`, as messages and reports name a partition. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
