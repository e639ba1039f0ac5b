import type { FetchedPartition, LogAdmin, LogReader, TopicPartition } from '../../../runtime/ports/log.ts'
import { OffsetOutOfRangeError, StreamsError } from '../../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'
import { requireTopics } from './require-topics.ts'

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

export interface ScanOptions {
  readonly reader: LogReader
  readonly spans: readonly Span[]
  /** `wait` (the default) for the end of an open transaction, or `stop` before it. */
  readonly openTransactions?: 'wait' | 'stop'
  /** With it the scan continues after records that are removed before it can read them; without it that is an error. */
  readonly admin?: LogAdmin
  /** Offsets passed so far, and of how many in all. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined
  /** Ends the scan where it is. */
  readonly signal?: AbortSignal
}

/** The part of a span that one fetch brought. */
export interface ScannedPart extends FetchedPartition {
  /** Offsets passed since the part before. */
  readonly passed: number
  /** True when some of them were removed before they could be read. */
  readonly hasLost: boolean
  /** True for the last part of its span. */
  readonly isLast: boolean
}

/** Longer than the coordinator needs to abort the transaction of a dead instance: 30 s, and 10 s to notice. */
const STALLED_MS = 60_000
const POLL_MS = 1000

/*
 * The one way to read a piece of the log from a known offset to a known offset.
 * 1. Parts of a partition come in offset order, and hold committed records of the span only.
 * 2. A scan holds one answer of the reader at a time: nothing more is asked for until the caller has taken all its parts.
 *    The caller may pause and resume partitions of the reader meanwhile.
 * 3. A scan which waits reads to the very end of each span: commits whose markers are still on their way are waited for.
 */

/** @throws ReadStalledError when nothing has come for long; OffsetOutOfRangeError without `admin` */
export async function* scanSpans(options: ScanOptions): AsyncGenerator<ScannedPart, void, undefined> {
  const { reader, spans, openTransactions = 'wait', onProgress, signal } = options
  const all = spans.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
  const open = new Map<string, OpenSpan>()
  for (const span of spans) {
    if (span.from >= span.to) continue
    open.set(partitionKey(span), { span, position: span.from })
    reader.assign(span, span.from)
  }
  let done = 0
  let waitedMs = 0
  try {
    while (open.size > 0 && signal?.aborted !== true) {
      const asked = performance.now()
      const answer = await reader.poll(POLL_MS).catch((error: unknown) => skipLost(error, open, options))
      waitedMs += performance.now() - asked
      for (const fetched of answer) {
        const key = partitionKey(fetched)
        const reading = open.get(key)
        if (reading === undefined) continue
        const { to } = reading.span
        const hasLost = fetched.from > reading.position
        const position = Math.min(fetched.position, to)
        const passed = position - reading.position
        if (passed > 0) waitedMs = 0
        reading.position = position
        const isLast = position >= (openTransactions === 'stop' ? Math.min(to, fetched.endOffset) : to)
        if (isLast) {
          open.delete(key)
          reader.unassign(fetched)
        }
        const records = fetched.position > to ? fetched.records.filter(({ offset }) => offset < to) : fetched.records
        yield { ...fetched, records, position, passed, hasLost, isLast }
        done += passed
        onProgress?.(done, all)
      }
      if (openTransactions === 'stop' || waitedMs < STALLED_MS) continue
      for (const { span, position } of open.values()) throw new ReadStalledError(span, position, span.to)
    }
  } finally {
    for (const { span } of open.values()) reader.unassign(span)
  }
}

/** All that these topics hold now. Throws MissingTopicError. */
export async function spansOf(admin: LogAdmin, topics: readonly string[]): Promise<readonly Span[]> {
  const partitions = [...(await requireTopics(admin, topics))].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition })),
  )
  return spansIn(admin, partitions)
}

/** All that these partitions hold now, in their order. */
export async function spansIn(admin: LogAdmin, partitions: readonly TopicPartition[]): Promise<readonly Span[]> {
  const [first, end] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
  return partitions.map((at, index) => ({ ...at, from: first[index] ?? 0, to: end[index] ?? 0 }))
}

interface OpenSpan {
  readonly span: Span
  position: number
}

async function skipLost(
  error: unknown,
  open: ReadonlyMap<string, OpenSpan>,
  { reader, admin }: ScanOptions,
): Promise<readonly FetchedPartition[]> {
  const reading = error instanceof OffsetOutOfRangeError ? open.get(partitionKey(error)) : undefined
  if (reading === undefined || admin === undefined) throw error
  const [first = 0] = await admin.earliestOffsets([reading.span])
  const position = Math.max(reading.position, first)
  reader.assign(reading.span, position)
  const { topic, partition } = reading.span
  return [{ topic, partition, from: position, records: [], bytes: 0, position, endOffset: Number.POSITIVE_INFINITY }]
}
