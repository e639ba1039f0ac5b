import { InvalidRecordError, RecordTooLargeError, StreamsError } from '../../state/ports/errors.ts'
import type { Header, Headers } from '../../state/ports/headers.ts'
import type { LogRecord, OutputBatch, TopicPartition } from '../ports/log.ts'
import { partitionForKey } from './partitioner.ts'

/** Header names as in KIP-1034. */
const PREFIX = '__streams.errors.'
/** Bytes of UTF-8. */
const MAX_NAME = 100
const MAX_MESSAGE = 500
const MAX_STACK = 1500

/** A short name of the fault: label of dead_letters_total and value of the header `reason`. */
export function deadLetterReason(error: unknown): string {
  if (error instanceof InvalidRecordError) return error.reason
  if (error instanceof StreamsError) return error.code.toLowerCase()
  return 'exception'
}

/**
 * The original headers, then the record's place and the error. Message and stack are bounded, so that a dead letter is at most a
 * few KiB larger than its record.
 */
export function deadLetterHeaders(source: TopicPartition, raw: LogRecord, error: unknown): Headers {
  const cause = error instanceof Error ? error : new Error(String(error))
  const headers: Header[] = []
  // A redriven record that fails again keeps only its latest error.
  for (const header of raw.headers) if (!header.key.startsWith(PREFIX)) headers.push(header)
  const add = (name: string, value: string, maxBytes = Number.MAX_SAFE_INTEGER): void => {
    headers.push({ key: PREFIX + name, value: truncated(value, maxBytes) })
  }
  add('reason', deadLetterReason(error), MAX_NAME)
  add('exception', cause.name, MAX_NAME)
  headers.push({ key: `${PREFIX}message`, value: messageBytes(cause.message) })
  add('topic', source.topic)
  add('partition', String(source.partition))
  add('offset', String(raw.offset))
  add('stacktrace', stackOf(cause), MAX_STACK)
  if (raw.failure !== undefined) headers.push({ key: CUT_HEADER, value: Buffer.from(UNKNOWN_SIZE) })
  return headers
}

/** A message as headers have it: truncated, so that it always fits. */
export function messageBytes(message: string): Buffer {
  return truncated(message, MAX_MESSAGE)
}

/** Our message, then the stack of the code that threw the error. There is no room for our own stack. */
function stackOf(error: Error): string {
  if (error instanceof StreamsError && error.cause instanceof Error)
    return `${error.name}: ${error.message}\nCaused by: ${stackOf(error.cause)}`
  return error.stack ?? ''
}

/** A truncated dead letter has this header with the bytes of the original value. Such a letter must not be sent back. */
export const CUT_HEADER = `${PREFIX}cut.value.bytes`

/** Size of a record that could not be read at all: its letter holds nothing of it. */
export const UNKNOWN_SIZE = 'unknown'

/** Room for the header above. */
const CUT_HEADER_BYTES = 64

/**
 * Ever smaller versions of a dead letter that is `excess` bytes too large: first with the beginning of the value only, then with
 * nothing but the record's place.
 */
export function* cutLetters(
  { key, value }: LogRecord,
  headers: Headers,
  excess: number,
): Generator<{ readonly key: Buffer | null; readonly value: Buffer | null; readonly headers: Headers }> {
  const cut = { key: CUT_HEADER, value: Buffer.from(String(value?.length ?? 0)) }
  const kept = (value?.length ?? 0) - excess - CUT_HEADER_BYTES
  if (value !== null && kept >= 0) yield { key, value: value.subarray(0, kept), headers: [...headers, cut] }
  yield { key: null, value: null, headers: [...[...headers].filter((header) => header.key.startsWith(PREFIX)), cut] }
}

/** Partition of a record's dead letter: that of its key, so that letters of one key keep their order. */
export function deadLetterPartition(source: TopicPartition, { key }: LogRecord, count: number): number {
  return key === null ? source.partition % count : partitionForKey(key, count)
}

/** Appends a dead letter, cut when its topic does not take all of it. @throws RecordTooLargeError when nothing of it fits */
export function appendLetter(
  batch: Pick<OutputBatch, 'append'>,
  to: TopicPartition,
  raw: LogRecord,
  headers: Headers,
): void {
  const { topic, partition } = to
  let failure: RecordTooLargeError
  try {
    batch.append(topic, partition, raw.key, raw.value, raw.timestamp, headers)
    return
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error
    failure = error
  }
  for (const letter of cutLetters(raw, headers, failure.bytes - failure.maxBytes)) {
    try {
      batch.append(topic, partition, letter.key, letter.value, raw.timestamp, letter.headers)
      return
    } catch (error) {
      if (!(error instanceof RecordTooLargeError)) throw error
      failure = error
    }
  }
  throw failure
}

/** UTF-8, truncated between two characters. */
function truncated(text: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(text.slice(0, maxBytes), 'utf8')
  if (bytes.length <= maxBytes) return bytes
  let end = maxBytes
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
