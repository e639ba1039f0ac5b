import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import { requireTopics } from './require-topics.ts'

export interface ReadTopicsOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly topics: readonly string[]
  readonly onRecord: (partition: TopicPartition, record: LogRecord) => void
  /** Offsets passed so far, and of how many in all. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

interface Reading {
  position: number
  readonly first: number
  /** High watermark when the reading began. */
  readonly target: number
}

/**
 * Reads every committed record that the topics hold at the time of the call, in offset order per partition.
 * A partition with an open transaction is read up to it. Throws MissingTopicError.
 */
export async function readTopics(options: ReadTopicsOptions): Promise<void> {
  const { admin, reader } = options
  const counts = await requireTopics(admin, options.topics)
  const partitions = [...counts].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition })),
  )
  const [first, target] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
  const open = new Map<string, Reading>()
  for (const [index, partition] of partitions.entries()) {
    const reading = { position: first[index] ?? 0, first: first[index] ?? 0, target: target[index] ?? 0 }
    if (reading.position >= reading.target) continue
    open.set(partitionKey(partition), reading)
    reader.assign(partition, reading.position)
  }
  const readings = [...open.values()]
  const all = readings.reduce((sum, reading) => sum + reading.target - reading.first, 0)
  while (open.size > 0) {
    for (const fetched of await reader.poll(1000)) {
      const reading = open.get(partitionKey(fetched))
      if (reading === undefined) continue
      for (const record of fetched.records) if (record.offset < reading.target) options.onRecord(fetched, record)
      reading.position = Math.min(fetched.position, reading.target)
      if (fetched.position >= Math.min(reading.target, fetched.endOffset)) {
        open.delete(partitionKey(fetched))
        reader.unassign(fetched)
      }
    }
    options.onProgress?.(
      readings.reduce((sum, reading) => sum + reading.position - reading.first, 0),
      all,
    )
  }
}
