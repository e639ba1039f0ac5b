import { shownKey } from './key-name.ts'

/*
 * The findings of verify, topic by topic. Owns the differences it shows, and counts the others.
 */

export type DifferenceKind = 'missing' | 'unexpected' | 'different' | 'broken-chain' | 'repeated'

export interface Difference {
  readonly topic: string
  readonly key: string
  readonly kind: DifferenceKind
  /** The value that the topic should have; null when there should be none. */
  readonly expected: string | null
  readonly found: string | null
}

export interface TopicReport {
  readonly topic: string
  /** Rows (keys, or dead letters) that were compared. */
  readonly checked: number
  readonly differences: number
  /** Rows that go back to records which retention has removed: nothing speaks against them, nothing can prove them. */
  readonly unjudged: number
}

interface Count {
  checked: number
  differences: number
  unjudged: number
}

export class Differences {
  readonly rows: Difference[] = []
  readonly #limit: number
  readonly #counts = new Map<string, Count>()

  /** `limit`: kept per topic; 0 = all. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get total(): number {
    return this.topics.reduce((sum, { differences }) => sum + differences, 0)
  }

  /** In the order they were first spoken of. */
  get topics(): readonly TopicReport[] {
    return [...this.#counts].map(([topic, count]) => ({ topic, ...count }))
  }

  checked(topic: string, rows: number): void {
    this.#count(topic).checked += rows
  }

  unjudged(topic: string, rows = 1): void {
    this.#count(topic).unjudged += rows
  }

  add(difference: Difference): void {
    const count = this.#count(difference.topic)
    count.differences++
    if (this.#limit === 0 || count.differences <= this.#limit) {
      this.rows.push({ ...difference, key: shownKey(difference.key) })
    }
  }

  #count(topic: string): Count {
    const count = this.#counts.get(topic) ?? { checked: 0, differences: 0, unjudged: 0 }
    this.#counts.set(topic, count)
    return count
  }
}
