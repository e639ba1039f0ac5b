import type { TopicPartition } from '../../../runtime/ports/log.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'

export interface GivenOffset extends TopicPartition {
  readonly offset: number
}

/**
 * Reads lines of `topic,partition,offset`, as Kafka's own tools write and read them; empty lines are left out.
 * @throws StreamsConfigError with the number of the line
 */
export function parseOffsets(file: string, text: string): readonly GivenOffset[] {
  const found = new Map<string, GivenOffset>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [, topic = '', partition = '', offset = ''] =
      /^"?([\w.-]+)"?\s*,\s*(\d{1,10})\s*,\s*(\d{1,15})$/.exec(line.trim()) ?? []
    const given = { topic, partition: Number(partition), offset: Number(offset) }
    const where = `--from-file: line ${index + 1} of ${file}`
    if (topic === '') throw new StreamsConfigError(`${where} is not accepted, expected topic,partition,offset`)
    if (found.has(partitionKey(given))) throw new StreamsConfigError(`${where} names ${partitionName(given)} again`)
    found.set(partitionKey(given), given)
  }
  if (found.size === 0) throw new StreamsConfigError(`--from-file: ${file} has no line of topic,partition,offset`)
  return [...found.values()]
}
