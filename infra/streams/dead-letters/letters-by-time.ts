import type { LogReader } from '../../../runtime/ports/log.ts'
import { type ScannedPart, type Span, scanSpans, spansOf } from '../topics/log-scan.ts'
import { type DeadLetter, deadLetterOf } from './dead-letter.ts'
import type { ReadLettersOptions } from './read-dead-letters.ts'

/** Letters of a partition that wait for those of others: reading pauses at ENOUGH and continues at FEW. */
const ENOUGH = 500
const FEW = 100

/**
 * Hands over every committed dead letter by the time of its death, those of a partition in offset order. However many there are, only
 * some hundred of each partition are held. Throws MissingTopicError.
 */
export async function readLettersByTime(
  { admin, reader, topic, onProgress }: ReadLettersOptions,
  onLetter: (letter: DeadLetter) => void,
): Promise<void> {
  const spans = await spansOf(admin, [topic])
  const queues = spans.map((span) => new LetterQueue(reader, span))
  for await (const part of scanSpans({ admin, reader, spans, openTransactions: 'stop', onProgress })) {
    queues[part.partition]?.add(part)
    while (!queues.some((queue) => queue.isAwaited)) {
      const next = earliest(queues)
      if (next === null) break
      onLetter(next.take())
    }
  }
}

/** The first of those with the smallest time; null when nothing is left. */
function earliest(queues: readonly LetterQueue[]): LetterQueue | null {
  let first: LetterQueue | null = null
  for (const queue of queues) if (queue.time < (first?.time ?? Number.POSITIVE_INFINITY)) first = queue
  return first
}

/** The letters of one partition, as far as they have been read and not been taken. */
class LetterQueue {
  readonly #reader: LogReader
  readonly #span: Span
  #letters: DeadLetter[] = []
  #taken = 0
  #isRead: boolean
  #isPaused = false

  constructor(reader: LogReader, span: Span) {
    this.#reader = reader
    this.#span = span
    this.#isRead = span.from >= span.to
  }

  /** It has none, and there may be more. */
  get isAwaited(): boolean {
    return !this.#isRead && this.#taken === this.#letters.length
  }

  /** Time of the next letter; +Infinity when there is none. */
  get time(): number {
    return this.#letters[this.#taken]?.timestamp ?? Number.POSITIVE_INFINITY
  }

  add({ partition, records, isLast }: ScannedPart): void {
    this.#letters = this.#letters.slice(this.#taken)
    this.#taken = 0
    for (const record of records) this.#letters.push(deadLetterOf(partition, record))
    this.#isRead = isLast
    if (isLast || this.#letters.length < ENOUGH) return
    this.#isPaused = true
    this.#reader.pause(this.#span)
  }

  take(): DeadLetter {
    const letter = this.#letters[this.#taken++] as DeadLetter
    if (this.#isPaused && this.#letters.length - this.#taken <= FEW) {
      this.#isPaused = false
      this.#reader.resume(this.#span)
    }
    return letter
  }
}
