import type { LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import type { Header } from '../../../state/ports/headers.ts'
import { partitionName } from '../../../state/ports/topic-partition.ts'

/** Headers of what went wrong, KIP-1034; runtime/task/dead-letter.ts writes them. */
export const ERROR_HEADER_PREFIX = '__streams.errors.'

/** Where a record stands. */
export interface RecordPlace extends TopicPartition {
  readonly offset: number
}

/** One record of a dead letter topic; everything is a copy and may be kept. */
export interface DeadLetter {
  readonly partition: number
  readonly offset: number
  /** When it died (the topic has LogAppendTime), epoch ms. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  /** null: the record has no headers with its source, because another program wrote it. */
  readonly source: RecordPlace | null
  /** Label of dead_letters_total; '' in letters of older versions. */
  readonly reason: string
  readonly exception: string
  readonly message: string
}

export function deadLetterOf(partition: number, record: LogRecord): DeadLetter {
  const headers = Array.from(record.headers, ({ key, value }) => ({ key, value: copyOf(value) }))
  const error = (name: string): string => {
    const header = headers.findLast(({ key }) => key === ERROR_HEADER_PREFIX + name)
    return header?.value?.toString('utf8') ?? ''
  }
  return {
    partition,
    offset: record.offset,
    timestamp: record.timestamp,
    key: copyOf(record.key),
    value: copyOf(record.value),
    headers,
    source: sourceOf(error('topic'), error('partition'), error('offset')),
    reason: error('reason'),
    exception: error('exception'),
    message: error('message'),
  }
}

/** One word for what was wrong: as dead_letters_total and `dlq list` name it. */
export function reasonOf({ reason, exception }: Pick<DeadLetter, 'reason' | 'exception'>): string {
  return reason === '' ? exception : reason
}

/** `topic-partition@offset` */
export function placeName(place: RecordPlace): string {
  return `${partitionName(place)}@${place.offset}`
}

/** `partition:offset`, how commands name a dead letter. */
export function letterName({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}:${offset}`
}

function sourceOf(topic: string, partition: string, offset: string): RecordPlace | null {
  if (topic === '' || !/^\d{1,10}$/.test(partition) || !/^\d{1,16}$/.test(offset)) return null
  return { topic, partition: Number(partition), offset: Number(offset) }
}

const copyOf = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes))
