import type { Plan, Subtopology } from '../../topology/plan.ts'
import type { Clock } from '../ports/clock.ts'
import { answerOfBrokers, type MinOffset } from '../ports/instance.ts'
import type { LogAdmin, TopicPartition } from '../ports/log.ts'

export interface InputLineageOptions {
  readonly plan: Plan
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly partitionsOf: (topic: string) => readonly TopicPartition[]
}

const LOOK_AGAIN_MS = 20

/*
 * Follows records of the input through repartition topics to the tasks of a store.
 * 1. What a task writes for a record is in the log before the group's offset passes the record: all below the end that the repartition
 *    topic has then.
 */
export class InputLineage {
  readonly #options: InputLineageOptions

  constructor(options: InputLineageOptions) {
    this.#options = options
  }

  /**
   * Offsets in the sources of the subtopology that stand for `offsets`. null when the group does not get there before `deadline`
   * (Clock.monotonic()). @throws RangeError for a topic that the subtopology does not come from;
   * StoreUnavailableError when no broker answers
   */
  async sourceOffsets(
    subtopology: Subtopology,
    offsets: readonly MinOffset[],
    deadline: number,
  ): Promise<readonly MinOffset[] | null> {
    for (const { topic } of offsets) {
      if (!this.#reaches(subtopology, topic)) throw new RangeError(`${topic} is no input of this store`)
    }
    const isDirect = ({ topic }: MinOffset): boolean => subtopology.sourceTopics.includes(topic)
    const found = offsets.filter(isDirect)
    const before = offsets.filter((offset) => !isDirect(offset))
    for (const topic of before.length === 0 ? [] : subtopology.repartitionSourceTopics) {
      for (const feeder of this.#feedersOf([topic])) {
        const own = before.filter((offset) => this.#reaches(feeder, offset.topic, [subtopology]))
        const sources = await this.sourceOffsets(feeder, own, deadline)
        if (sources === null || !(await this.#committed(sources, deadline))) return null
      }
      const partitions = this.#options.partitionsOf(topic)
      const ends = await answerOfBrokers(this.#options.admin.highWatermarks(partitions))
      for (const [i, { partition }] of partitions.entries()) {
        const end = ends[i] ?? 0
        if (end > 0) found.push({ topic, partition, offset: end - 1 })
      }
    }
    return found
  }

  #feedersOf(topics: readonly string[]): readonly Subtopology[] {
    return this.#options.plan.subtopologies.filter(({ repartitionSinkTopics }) =>
      repartitionSinkTopics.some((topic) => topics.includes(topic)),
    )
  }

  /** `seen` stops at subtopologies that feed each other. */
  #reaches(subtopology: Subtopology, topic: string, seen: readonly Subtopology[] = []): boolean {
    if (subtopology.sourceTopics.includes(topic)) return true
    const left = this.#feedersOf(subtopology.repartitionSourceTopics).filter((feeder) => !seen.includes(feeder))
    return left.some((feeder) => this.#reaches(feeder, topic, [...seen, subtopology]))
  }

  async #committed(offsets: readonly MinOffset[], deadline: number): Promise<boolean> {
    const { admin, plan, clock } = this.#options
    for (;;) {
      const committed = await answerOfBrokers(admin.committedOffsets(plan.applicationId, offsets, { stable: false }))
      const isPassed = ({ topic, partition, offset }: MinOffset): boolean =>
        committed.some((one) => one.topic === topic && one.partition === partition && one.offset > offset)
      if (offsets.every(isPassed)) return true
      if (clock.monotonic() >= deadline) return false
      await clock.sleep(LOOK_AGAIN_MS)
    }
  }
}
