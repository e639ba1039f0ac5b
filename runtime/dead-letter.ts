import { InvalidRecordError, StreamsError } from '../state/ports/errors.ts'
import type { Header, Headers } from '../state/ports/headers.ts'
import type { LogRecord, TopicPartition } from './ports/log.ts'

/** Header names as in KIP-1034. */
const PREFIX = '__streams.errors.'
const MAX_MESSAGE_CHARS = 500
const MAX_STACK_CHARS = 1500

/** Label of dead_letters_total and short name of what was wrong. */
export function deadLetterReason(error: unknown): string {
  if (error instanceof InvalidRecordError) return error.reason
  if (error instanceof StreamsError) return error.code.toLowerCase()
  return 'exception'
}

/**
 * The original headers, then where the record came from and what was wrong. Message and stack are bounded,
 * so that a dead letter is at most a few KiB larger than the record it carries.
 */
export function deadLetterHeaders(source: TopicPartition, raw: LogRecord, error: unknown): Headers {
  const cause = error instanceof Error ? error : new Error(String(error))
  const headers: Header[] = []
  // A redriven record that fails again keeps only its latest error.
  for (const header of raw.headers) if (!header.key.startsWith(PREFIX)) headers.push(header)
  const add = (name: string, value: string): void => {
    headers.push({ key: PREFIX + name, value: Buffer.from(value, 'utf8') })
  }
  add('exception', cause.name)
  add('message', cause.message.slice(0, MAX_MESSAGE_CHARS))
  add('topic', source.topic)
  add('partition', String(source.partition))
  add('offset', String(raw.offset))
  add('stacktrace', (cause.stack ?? '').slice(0, MAX_STACK_CHARS))
  return headers
}
