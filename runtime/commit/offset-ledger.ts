import type { CommittedOffset } from '../ports/log.ts'
import type { RecordQueue } from '../task/record-queue.ts'
import { marksOf, type Numbers, type TaskMark, type TaskMarks } from '../task/task-marks.ts'
import { encodeOffsetMetadata } from './offset-metadata.ts'

export interface OffsetLedgerOptions {
  readonly queues: readonly RecordQueue[]
  /** Positions that are committed already, by topic. */
  readonly committed: ReadonlyMap<string, number>
  /** The numbers of the last commit. */
  readonly numbers: Numbers
}

/*
 * Owns what of a task's input goes into which commit.
 * 1. An offset is captured once; one that no commit holds yet (a start chosen by the reset policy) counts as moved.
 * 2. The task's marks travel with the offset of each source partition; when one has changed, all of them are committed.
 * 3. A commit with effects of the task always has offsets of the task, moved or not: they alone are checked against the generation of the
 *    group, so without them a process that has lost the task could commit, and its successor would not wait for the outcome.
 * 4. A record is visible when the commit that captured it has settled.
 */
export class OffsetLedger {
  readonly marks: TaskMarks
  readonly #queues: readonly RecordQueue[]
  readonly #captured: Map<string, number>
  /** Positions of the last commit that has settled. */
  #visible: ReadonlyMap<string, number>
  readonly #marks: Map<TaskMark, number>
  #marksMoved = false
  /** Records processed since the last capture, and in the commit in flight. */
  #live = 0
  #inFlight = 0

  constructor({ queues, committed, numbers }: OffsetLedgerOptions) {
    this.#queues = queues
    this.#captured = new Map(committed)
    this.#visible = committed
    this.#marks = marksOf(numbers)
    this.marks = {
      get: (mark) => this.#marks.get(mark) ?? null,
      set: (mark, value) => {
        this.#marks.set(mark, value)
        this.#marksMoved = true
      },
    }
  }

  /** One more record was processed. */
  count(): void {
    this.#live++
  }

  /** Some position moved since the last capture, if only over markers, or was never committed. */
  get hasMoved(): boolean {
    return this.#queues.some((queue) => this.#captured.get(queue.topic) !== queue.position())
  }

  /** Records of the input, by position, that committed state does not show yet. */
  get lag(): number {
    return this.#queues.reduce((lag, queue) => lag + queue.lag, this.#live + this.#inFlight)
  }

  /**
   * Offsets that moved since the last capture, to go into the commit of the epoch that ends now.
   * @param all also those that did not move (invariant 3)
   */
  capture(all = false): CommittedOffset[] {
    const offsets: CommittedOffset[] = []
    for (const queue of this.#queues) {
      const { topic, partition, partitionTime } = queue
      const offset = queue.position()
      if (this.#captured.get(topic) === offset && !this.#marksMoved && !all) continue
      this.#captured.set(topic, offset)
      offsets.push({
        topic,
        partition,
        offset,
        metadata: encodeOffsetMetadata({ partitionTime, numbers: this.#marks }),
      })
    }
    this.#marksMoved = false
    this.#inFlight = this.#live
    this.#live = 0
    return offsets
  }

  /** Notes that the captured offsets are committed and visible. */
  settled(): void {
    this.#inFlight = 0
    this.#visible = new Map(this.#captured)
  }

  /** Position in the topic that committed state shows; null when there is none, or the task does not read it. */
  visible(topic: string): number | null {
    return this.#visible.get(topic) ?? null
  }
}
