import type { FetchedPartition, LogReader, LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import { OffsetOutOfRangeError, StreamsError } from '../../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'

/** The records of a partition from an offset to an offset (exclusive). */
export interface Span extends TopicPartition {
  readonly from: number
  readonly to: number
}

/** Try again: an open transaction keeps committed records from being read. */
export class ReadStalledError extends StreamsError {
  constructor(at: TopicPartition, position: number, to: number) {
    super('READ_STALLED', `${partitionName(at)} cannot be read beyond ${position} (of ${to}): a transaction is open`)
  }
}

export interface ReadSpansOptions {
  readonly reader: LogReader
  readonly spans: readonly Span[]
  readonly onRecord: (partition: TopicPartition, record: LogRecord) => void
  /** Offsets passed since the last call. */
  readonly onProgress?: ((passed: number) => void) | undefined
  /** Called when records were removed before they could be read; returns where to go on. Without it that is an error. */
  readonly onLost?: (span: Span) => Promise<number>
}

/** Longer than the coordinator needs to abort the transaction of a dead instance: 30 s, and 10 s to notice. */
const STALLED_MS = 60_000
const POLL_MS = 1000

/**
 * Reads the committed records of these spans, in offset order per partition, to the very end of each: commits whose
 * markers are still on their way are waited for. Throws ReadStalledError when nothing moves for long.
 */
export async function readSpans({ reader, spans, onRecord, onProgress, onLost }: ReadSpansOptions): Promise<void> {
  const open = new Map<string, { readonly span: Span; position: number }>()
  for (const span of spans) {
    if (span.from >= span.to) continue
    open.set(partitionKey(span), { span, position: span.from })
    reader.assign(span, span.from)
  }
  const skipLost = async (error: unknown): Promise<readonly FetchedPartition[]> => {
    const reading = error instanceof OffsetOutOfRangeError ? open.get(partitionKey(error)) : undefined
    if (reading === undefined || onLost === undefined) throw error
    const from = Math.max(reading.position, await onLost(reading.span))
    reader.assign(reading.span, from)
    const { topic, partition } = reading.span
    return [{ topic, partition, from, records: [], bytes: 0, position: from, endOffset: from }]
  }
  let moved = performance.now()
  while (open.size > 0) {
    for (const fetched of await reader.poll(POLL_MS).catch(skipLost)) {
      const reading = open.get(partitionKey(fetched))
      if (reading === undefined) continue
      const { to } = reading.span
      for (const record of fetched.records) if (record.offset < to) onRecord(fetched, record)
      const position = Math.min(fetched.position, to)
      if (position > reading.position) moved = performance.now()
      onProgress?.(position - reading.position)
      reading.position = position
      if (position < to) continue
      open.delete(partitionKey(fetched))
      reader.unassign(fetched)
    }
    if (performance.now() - moved < STALLED_MS) continue
    for (const { span, position } of open.values()) throw new ReadStalledError(span, position, span.to)
  }
}
