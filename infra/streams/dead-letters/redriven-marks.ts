import type { LogAdmin, LogReader, OutputBatch } from '../../../runtime/ports/log.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { scanSpans, spansOf } from '../topics/log-scan.ts'
import { type DeadLetter, letterName, placeName } from './dead-letter.ts'

/*
 * Marks of the dead letters that have been sent back: one record each in `<dead letter topic>.redriven`, written in the
 * transaction that sends the letter back.
 * 1. A mark is there if and only if its dead letter was sent back.
 * 2. It names the dead letter and the record it came from: a dead letter topic that was created again starts with other
 *    letters at the same offsets.
 * 3. Marks are kept forever (some hundred bytes each): they must outlive the dead letters, however long those are kept.
 */

export function marksTopic(deadLetterTopic: string): string {
  return `${deadLetterTopic}.redriven`
}

export async function createMarksTopic(admin: LogAdmin, deadLetterTopic: string): Promise<void> {
  const config = { 'cleanup.policy': 'delete', 'retention.ms': '-1' }
  await admin.createTopics([{ name: marksTopic(deadLetterTopic), partitions: 1, config }])
}

/** The dead letters sent back so far; none while the topic is not there. */
export class RedrivenMarks {
  readonly #marks: ReadonlySet<string>

  private constructor(marks: ReadonlySet<string>) {
    this.#marks = marks
  }

  static async read(admin: LogAdmin, reader: LogReader, deadLetterTopic: string): Promise<RedrivenMarks> {
    const topic = marksTopic(deadLetterTopic)
    const marks = new Set<string>()
    if ((await admin.describeTopics([topic])).has(topic)) {
      const spans = await spansOf(admin, [topic])
      for await (const { records } of scanSpans({ admin, reader, spans, openTransactions: 'stop' })) {
        for (const { key } of records) marks.add(String(key))
      }
    }
    return new RedrivenMarks(marks)
  }

  has(letter: DeadLetter): boolean {
    return this.#marks.has(markOf(letter))
  }
}

export function appendMark(batch: OutputBatch, deadLetterTopic: string, letter: DeadLetter, sentTo: string): void {
  batch.append(marksTopic(deadLetterTopic), 0, markOf(letter), JSON.stringify({ sentTo }), letter.timestamp, NO_HEADERS)
}

const markOf = (letter: DeadLetter): string =>
  `${letterName(letter)} ${letter.source === null ? '-' : placeName(letter.source)}`
