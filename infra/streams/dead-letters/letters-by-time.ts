import type { LogReader, TopicPartition } from '../../../runtime/ports/log.ts'
import { requireTopics } from '../topics/require-topics.ts'
import { type DeadLetter, deadLetterOf } from './dead-letter.ts'
import type { ReadLettersOptions } from './read-dead-letters.ts'

/** Letters of a partition that wait for those of others: read no more from ENOUGH on, again from FEW on. */
const ENOUGH = 500
const FEW = 100
const POLL_MS = 1000

/**
 * Hands over every committed dead letter by the time of its death, those of a partition in offset order. However many there are, only
 * some hundred of each partition are held. Throws MissingTopicError.
 */
export async function readLettersByTime(
  { admin, reader, topic, onProgress }: ReadLettersOptions,
  onLetter: (letter: DeadLetter) => void,
): Promise<void> {
  const count = (await requireTopics(admin, [topic])).get(topic) ?? 0
  const partitions = Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition }))
  const [firsts, ends] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
  const queues = partitions.map((at) => new LetterQueue(reader, at, firsts[at.partition] ?? 0, ends[at.partition] ?? 0))
  const all = queues.reduce((sum, { first, end }) => sum + end - first, 0)
  for (;;) {
    while (queues.some((queue) => queue.isAwaited)) {
      for (const fetched of await reader.poll(POLL_MS)) {
        const { records, position, endOffset } = fetched
        queues[fetched.partition]?.add(
          records.map((record) => deadLetterOf(fetched.partition, record)),
          position,
          endOffset,
        )
      }
      onProgress?.(
        queues.reduce((sum, { first, position }) => sum + position - first, 0),
        all,
      )
    }
    const next = earliest(queues)
    if (next === null) return
    onLetter(next.take())
  }
}

/** The first of those with the smallest time; null when nothing is left. */
function earliest(queues: readonly LetterQueue[]): LetterQueue | null {
  let first: LetterQueue | null = null
  for (const queue of queues) if (queue.time < (first?.time ?? Number.POSITIVE_INFINITY)) first = queue
  return first
}

/** The letters of one partition up to its end, as far as they have been read and not been taken. */
class LetterQueue {
  readonly first: number
  readonly end: number
  position: number
  readonly #reader: LogReader
  readonly #at: TopicPartition
  #letters: DeadLetter[] = []
  #taken = 0
  #isRead: boolean
  #isPaused = false

  constructor(reader: LogReader, at: TopicPartition, first: number, end: number) {
    this.#reader = reader
    this.#at = at
    this.first = first
    this.end = end
    this.position = first
    this.#isRead = first >= end
    if (!this.#isRead) reader.assign(at, first)
  }

  /** It has none, and there may be more. */
  get isAwaited(): boolean {
    return !this.#isRead && this.#taken === this.#letters.length
  }

  /** Time of the next letter; +Infinity when there is none. */
  get time(): number {
    return this.#letters[this.#taken]?.timestamp ?? Number.POSITIVE_INFINITY
  }

  /** An open transaction ends the reading, as the end does. */
  add(letters: readonly DeadLetter[], position: number, endOffset: number): void {
    if (this.#isRead) return
    this.#letters = this.#letters.slice(this.#taken)
    this.#taken = 0
    for (const letter of letters) if (letter.offset < this.end) this.#letters.push(letter)
    this.position = Math.min(position, this.end)
    if (position >= Math.min(this.end, endOffset)) {
      this.#isRead = true
      this.#reader.unassign(this.#at)
    } else if (this.#letters.length >= ENOUGH) {
      this.#isPaused = true
      this.#reader.pause(this.#at)
    }
  }

  take(): DeadLetter {
    const letter = this.#letters[this.#taken++] as DeadLetter
    if (this.#isPaused && this.#letters.length - this.#taken <= FEW) {
      this.#isPaused = false
      this.#reader.resume(this.#at)
    }
    return letter
  }
}
