import { hash } from 'node:crypto'
import { deadLetterOf, letterName, placeName } from '../../infra/streams/dead-letters/index.ts'
import type { LogRecord, TopicPartition } from '../../runtime/index.ts'
import type { Differences } from './differences.ts'

export interface LetterFoldOptions {
  /** The dead letter topic. */
  readonly topic: string
  readonly sources: readonly string[]
  /** Offset of the first record a source partition still has. */
  readonly firstOffset: (source: TopicPartition) => number
  /** Retention has removed dead letters. */
  readonly isOutputGone: boolean
  /** The application may have gone back, and met invalid records again. */
  readonly isRewound: boolean
}

/*
 * Dead letters: one for every invalid record of the input, with its key and value.
 * Input first, then the dead letter topic. Of each record only a digest is held.
 */
export class LetterFold {
  readonly #options: LetterFoldOptions
  readonly #invalid = new Map<string, string>()
  readonly #seen = new Set<string>()

  constructor(options: LetterFoldOptions) {
    this.#options = options
  }

  addInvalid({ topic, partition }: TopicPartition, record: LogRecord): void {
    this.#invalid.set(placeName({ topic, partition, offset: record.offset }), digestOf(record))
  }

  addLetter(partition: number, record: LogRecord, differences: Differences): void {
    const { topic, sources, firstOffset, isRewound } = this.#options
    const letter = deadLetterOf(partition, record)
    const { source } = letter
    const key = source === null ? letterName(letter) : placeName(source)
    const found = `dead letter ${letterName(letter)}`
    differences.checked(topic, 1)
    if (source === null || !sources.includes(source.topic)) {
      differences.add({ topic, key, kind: 'unexpected', expected: null, found })
      return
    }
    const expected = this.#invalid.get(key)
    if (expected === undefined) {
      if (source.offset < firstOffset(source) || isRewound) differences.unjudged(topic)
      else differences.add({ topic, key, kind: 'unexpected', expected: null, found })
    } else if (this.#seen.has(key) && !isRewound)
      differences.add({ topic, key, kind: 'repeated', expected: 'one dead letter', found })
    else {
      this.#seen.add(key)
      if (expected !== digestOf(record)) {
        differences.add({ topic, key, kind: 'different', expected: 'key and value of its source', found })
      }
    }
  }

  report(differences: Differences): void {
    const { topic, isOutputGone } = this.#options
    for (const key of this.#invalid.keys()) {
      if (this.#seen.has(key)) continue
      if (isOutputGone) differences.unjudged(topic)
      else differences.add({ topic, key, kind: 'missing', expected: 'a dead letter', found: null })
    }
  }
}

function digestOf({ key, value }: LogRecord): string {
  const part = (bytes: Buffer | null): string => (bytes === null ? '-' : hash('sha1', bytes))
  return `${part(key)}${part(value)}`
}
