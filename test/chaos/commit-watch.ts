import type { Admin, Kafka } from 'kafkajs'
import type { FedLedger } from './fed-ledger.ts'
import { type Advance, openWait, type Wait, waitsOf } from './waits.ts'

/*
 * Owns what the group's coordinator was seen to hold: who asks it stands outside of the program under test.
 * 1. Offsets only rise; each rise is kept with the time it was first seen.
 * 2. An answer that does not come (no coordinator) is no observation: the wait goes on.
 */

const LOOK_MS = 80

export class CommitWatch {
  readonly #admin: Admin
  readonly #groupId: string
  readonly #topics: readonly string[]
  readonly #fed: FedLedger
  readonly #since = performance.now()
  readonly #advances = new Map<string, Advance[]>()
  readonly #ended: Promise<void>
  #stopped = false

  static async start(kafka: Kafka, groupId: string, topics: readonly string[], fed: FedLedger): Promise<CommitWatch> {
    const admin = kafka.admin()
    await admin.connect()
    const { topics: described } = await admin.fetchTopicMetadata({ topics: [...topics] })
    const partitions = described.flatMap(({ name, partitions: all }) => all.map((one) => `${name}:${one.partitionId}`))
    return new CommitWatch(admin, groupId, topics, fed, partitions)
  }

  private constructor(
    admin: Admin,
    groupId: string,
    topics: readonly string[],
    fed: FedLedger,
    partitions: readonly string[],
  ) {
    this.#admin = admin
    this.#groupId = groupId
    this.#topics = topics
    this.#fed = fed
    for (const partition of partitions) this.#advances.set(partition, [])
    this.#ended = this.#look()
  }

  /** The longest time that waiting records of any partition have seen no commit by now, ms. */
  get longestOpenWait(): number {
    const now = performance.now()
    let longest = 0
    for (const [partition, advances] of this.#advances) {
      longest = Math.max(longest, openWait(partition, advances, this.#fed, this.#since, now))
    }
    return longest
  }

  /** How long ago the oldest record that is not committed was due, ms; 0 when all are committed. */
  get oldestAge(): number {
    const now = performance.now()
    let oldest = 0
    for (const [partition, advances] of this.#advances) {
      const due = this.#fed.dueAt(partition, advances.at(-1)?.offset ?? 0)
      if (due !== null) oldest = Math.max(oldest, now - due)
    }
    return oldest
  }

  get committed(): number {
    return [...this.#advances.values()].reduce((sum, advances) => sum + (advances.at(-1)?.offset ?? 0), 0)
  }

  waits(): readonly Wait[] {
    return [...this.#advances].flatMap(([partition, advances]) => waitsOf(partition, advances, this.#fed, this.#since))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
    await this.#admin.disconnect()
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      // No coordinator at the moment: asked again.
      const answer = await this.#admin
        .fetchOffsets({ groupId: this.#groupId, topics: [...this.#topics] })
        .catch(() => [])
      const at = performance.now()
      for (const { topic, partitions } of answer) {
        for (const { partition, offset } of partitions) this.#note(`${topic}:${partition}`, Number(offset), at)
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  #note(partition: string, offset: number, at: number): void {
    const advances = this.#advances.get(partition)
    if (advances !== undefined && offset > (advances.at(-1)?.offset ?? 0)) advances.push({ at, offset })
  }
}
