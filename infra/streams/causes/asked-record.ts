import type { LogAdmin, LogReader, LogRecord } from '../../../runtime/ports/log.ts'
import { counted } from '../../../state/ports/counted.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { partitionName } from '../../../state/ports/topic-partition.ts'
import type { RecordPlace } from '../dead-letters/dead-letter.ts'
import { scanSpans } from '../topics/log-scan.ts'

/** Look at the offset: there is no committed record there, or no longer. */
export class NoSuchRecordError extends StreamsError {
  constructor(place: RecordPlace, why: string) {
    super('NO_SUCH_RECORD', `there is no record at offset ${place.offset} of ${partitionName(place)}: ${why}`)
  }
}

/** Look at the topic, or at --module: the application neither reads nor writes it. */
export class ForeignTopicError extends StreamsError {
  constructor(topic: string, applicationId: string, own: readonly string[]) {
    super('FOREIGN_TOPIC', `${applicationId} neither reads nor writes ${topic}; its topics are ${own.join(', ')}`)
  }
}

export interface LogClients {
  readonly admin: LogAdmin
  readonly reader: LogReader
}

/** The record, as a copy that may be kept. @throws NoSuchRecordError */
export async function readRecord({ admin, reader }: LogClients, place: RecordPlace): Promise<LogRecord> {
  const { partitions = 0 } = (await admin.describeTopics([place.topic])).get(place.topic) ?? {}
  if (place.partition >= partitions)
    throw new NoSuchRecordError(
      place,
      partitions === 0 ? 'there is no such topic' : `it has ${counted(partitions, 'partition')}`,
    )
  const [first = 0] = await admin.earliestOffsets([place])
  const [end = 0] = await admin.highWatermarks([place])
  if (place.offset < first) throw new NoSuchRecordError(place, `the first one is at ${first}, older ones are removed`)
  if (place.offset >= end) throw new NoSuchRecordError(place, `the next one will be at ${end}`)
  const spans = [{ ...place, from: place.offset, to: place.offset + 1 }]
  for await (const { records } of scanSpans({ reader, spans, openTransactions: 'stop' })) {
    const found = records.find(({ offset }) => offset === place.offset)
    if (found !== undefined) return copyOf(found)
  }
  throw new NoSuchRecordError(place, 'it was compacted, its transaction did not commit, or a marker is there')
}

function copyOf({ offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  const bytes = (view: Buffer | null): Buffer | null => (view === null ? null : Buffer.from(view))
  const kept = Array.from(headers, (header) => ({ key: header.key, value: bytes(header.value) }))
  return { offset, timestamp, key: bytes(key), value: bytes(value), headers: kept }
}
