import type { LogAdmin, LogReader } from '../../../runtime/ports/log.ts'
import { scanSpans, spansOf } from '../topics/log-scan.ts'
import { type DeadLetter, deadLetterOf } from './dead-letter.ts'

export interface LetterFilter {
  /** The source topic. */
  readonly topic?: string | undefined
  /** A part of the reason, the exception's name or the message, ignoring upper and lower case. */
  readonly reason?: string | undefined
}

export interface ReadLettersOptions {
  readonly admin: LogAdmin
  readonly reader: LogReader
  /** The dead letter topic. */
  readonly topic: string
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

/** Hands over every committed dead letter, in offset order per partition. Throws MissingTopicError. */
export async function readDeadLetters(
  { admin, reader, topic, onProgress }: ReadLettersOptions,
  onLetter: (letter: DeadLetter) => void,
): Promise<void> {
  const spans = await spansOf(admin, [topic])
  const scan = scanSpans({ admin, reader, spans, openTransactions: 'stop', onProgress })
  for await (const { partition, records } of scan) {
    for (const record of records) onLetter(deadLetterOf(partition, record))
  }
}

export function matches(letter: DeadLetter, { topic, reason }: LetterFilter): boolean {
  if (topic !== undefined && letter.source?.topic !== topic) return false
  const text = `${letter.reason}\n${letter.exception}\n${letter.message}`
  return reason === undefined || text.toLowerCase().includes(reason.toLowerCase())
}
