import { shownKey } from './key-name.ts'

/*
 * What verify found, topic by topic. Owns the differences it shows; of the others it keeps the number.
 */

export type DifferenceKind = 'missing' | 'unexpected' | 'different' | 'broken-chain' | 'repeated'

export interface Difference {
  readonly topic: string
  readonly key: string
  readonly kind: DifferenceKind
  /** As the topic should have it; null when there should be nothing. */
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
