import { hash } from 'node:crypto'
import {
  type DeadLetter,
  deadLetterOf,
  letterName,
  placeName,
  type RecordPlace,
} from '../../infra/streams/dead-letters/index.ts'
import type { Span } from '../../infra/streams/topics/index.ts'
import { CUT_HEADER, type LogRecord, type TopicPartition, UNKNOWN_SIZE } from '../../runtime/index.ts'
import { counted, groupedBy, lastHeader, partitionKey } from '../../state/index.ts'
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

/** A letter that was cut: what it has of its source. */
interface CutLetter {
  readonly place: RecordPlace
  readonly found: string
  /** Bytes of the whole value, as the letter's header says. */
  readonly wholeBytes: string
  /** Digests; null: the letter has none. */
  readonly key: string | null
  readonly value: string | null
  /** Bytes of the value that are left. */
  readonly keptBytes: number
}

/*
 * Dead letters: one for every invalid record of the input, with its key and value.
 * 1. Input first, then the dead letter topic, then the sources of letters that were cut. Of each record only digests are held.
 * 2. A letter that was cut to fit (runtime/task/dead-letter.ts) has the beginning of its source's value, and its key or none.
 */
export class LetterFold {
  readonly #options: LetterFoldOptions
  readonly #invalid = new Map<string, string>()
  readonly #seen = new Set<string>()
  readonly #cut = new Map<string, CutLetter>()

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
      const cut = cutOf(letter, source)
      if (cut !== null) this.#cut.set(key, cut)
      else if (expected !== digestOf(record)) {
        differences.add({ topic, key, kind: 'different', expected: 'key and value of its source', found })
      }
    }
  }

  /** Where the sources of cut letters stand. */
  get cutSources(): readonly Span[] {
    const places = [...this.#cut.values()].map(({ place }) => place)
    return [...groupedBy(places, partitionKey).values()].map((all) => {
      const { topic, partition } = all[0] as RecordPlace
      const offsets = all.map(({ offset }) => offset)
      const from = offsets.reduce((a, b) => Math.min(a, b))
      return { topic, partition, from, to: offsets.reduce((a, b) => Math.max(a, b)) + 1 }
    })
  }

  /** A record of those spans. */
  addSource({ topic, partition }: TopicPartition, { offset, key, value }: LogRecord, differences: Differences): void {
    const name = placeName({ topic, partition, offset })
    const cut = this.#cut.get(name)
    if (cut === undefined) return
    const isRight =
      cut.wholeBytes === String(value?.length ?? 0) &&
      (cut.key === null || cut.key === partOf(key)) &&
      (cut.value === null || cut.value === partOf(value?.subarray(0, cut.keptBytes) ?? null))
    if (isRight) return
    const expected = `the beginning of its source's value, of ${counted(value?.length ?? 0, 'byte')}`
    differences.add({ topic: this.#options.topic, key: name, kind: 'different', expected, found: cut.found })
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
  return `${partOf(key)}${partOf(value)}`
}

const partOf = (bytes: Buffer | null): string => (bytes === null ? '-' : hash('sha1', bytes))

/** null: the letter is whole. */
function cutOf(letter: DeadLetter, place: RecordPlace): CutLetter | null {
  const wholeBytes = lastHeader(letter.headers, CUT_HEADER)
  // A record that could not be read has neither key nor value, here and there.
  if (wholeBytes === undefined || String(wholeBytes) === UNKNOWN_SIZE) return null
  const { key, value } = letter
  return {
    place,
    found: `dead letter ${letterName(letter)}`,
    wholeBytes: String(wholeBytes),
    key: key === null ? null : partOf(key),
    value: value === null ? null : partOf(value),
    keptBytes: value?.length ?? 0,
  }
}
