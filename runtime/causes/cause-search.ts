import type { TopicPartition } from '../../state/ports/topic-partition.ts'
import type { LogRecord } from '../ports/log.ts'
import type { RebuiltRecord } from '../replay/rebuild-options.ts'
import type { Step, WrittenRecord } from './chain.ts'
import type { RecordedChain } from './chain-recorder.ts'

/**
 * How alike a record of the log and one of the rebuild are: in all, in all but the time, or in key and time only. `read-again`: it is a
 * dead letter in the log, and the rebuild takes the record that died.
 */
export type Likeness = 'same' | 'other-time' | 'other-value' | 'read-again'

export interface Found {
  readonly recorded: RecordedChain
  readonly step: Step
  readonly written: WrittenRecord
  readonly likeness: Likeness
  /** It is this one of so many alike, in the order of the rebuild. The count stops where the search does. */
  number: number
  of: number
}

export interface CauseSearchOptions {
  readonly at: TopicPartition
  readonly record: LogRecord
  /** The topic gives its records times of its own. */
  readonly ignoresTime: boolean
  /** Earlier records of the partition with the same key and value: in all, and of the same time. */
  readonly earlier: { readonly all: number; readonly sameTime: number }
  /** For dead letters of repartition records, which code that does not fail never writes again. */
  readonly orRead: TopicPartition | null
}

const BEST_FIRST: readonly Likeness[] = ['same', 'other-time', 'read-again', 'other-value']

/*
 * Looks for the chain in which a record was written.
 * 1. Of records that are all the same, the one with as many before it as in the log.
 * 2. The first likeness that there is counts, in the order of BEST_FIRST.
 */
export class CauseSearch {
  readonly #options: CauseSearchOptions
  readonly #found = new Map<Likeness, Found>()

  constructor(options: CauseSearchOptions) {
    this.#options = options
  }

  consider(recorded: RecordedChain): void {
    for (const [record, written, step] of recorded.written) {
      const likeness = this.#likenessOf(record)
      if (likeness !== null) this.#take({ recorded, step, written, likeness, number: 0, of: 0 })
    }
  }

  /** Nothing better can come. */
  get isOver(): boolean {
    const best = this.#found.get('same')
    return best !== undefined && best.number > this.#wanted('same')
  }

  get best(): Found | null {
    for (const likeness of BEST_FIRST) {
      const found = this.#found.get(likeness)
      if (found !== undefined) return found
    }
    return null
  }

  #wanted(likeness: Likeness): number {
    const { earlier, ignoresTime } = this.#options
    if (likeness === 'other-value') return Number.POSITIVE_INFINITY
    return likeness === 'same' && !ignoresTime ? earlier.sameTime : earlier.all
  }

  #take(found: Found): void {
    const before = this.#found.get(found.likeness)
    const of = (before?.of ?? 0) + 1
    if (before !== undefined && before.number > this.#wanted(found.likeness)) before.of = of
    else this.#found.set(found.likeness, { ...found, number: of, of })
  }

  #likenessOf({ topic, partition, key, value, timestamp }: RebuiltRecord): Likeness | null {
    const { at, record, ignoresTime, orRead } = this.#options
    if (!isSameBytes(key, record.key)) return null
    const isSameValue = isSameBytes(value, record.value)
    if (topic !== at.topic || partition !== at.partition)
      return isSameValue && topic === orRead?.topic && partition === orRead.partition ? 'read-again' : null
    const isSameTime = ignoresTime || timestamp === record.timestamp
    if (isSameValue) return isSameTime ? 'same' : 'other-time'
    return isSameTime && !ignoresTime ? 'other-value' : null
  }
}

export function isSameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
