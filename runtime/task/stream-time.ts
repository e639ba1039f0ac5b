import type { DeviceClock } from '../../topology/plan.ts'
import type { StreamRecord } from '../../topology/record.ts'
import { AgreedTime } from './agreed-time.ts'
import type { RecordQueue } from './record-queue.ts'
import type { TaskMarks } from './task-marks.ts'

/*
 * Owns the stream time of one task, which only grows.
 * 1. Records of a source without a device clock move it to their timestamp, as in Kafka Streams.
 * 2. Those of a source with one move it to what two devices agree on.
 */
export class StreamTime {
  /** Epoch ms; -1 before the first record. */
  now = -1
  readonly #agreed: AgreedTime | null
  readonly #marks: TaskMarks

  constructor(queues: readonly RecordQueue[], marks: TaskMarks) {
    this.#marks = marks
    for (const { source, partitionTime } of queues) if (source.deviceClock === undefined) this.advance(partitionTime)
    this.#agreed = queues.some(({ source }) => source.deviceClock !== undefined) ? new AgreedTime(marks) : null
    this.advance(this.#agreed?.value ?? -1)
  }

  /** The time from which an idle task follows the clock. Until a second device sends a time, the first is trusted. */
  get idleFrom(): number {
    return this.now >= 0 || this.#agreed === null ? this.now : this.#agreed.lastTime
  }

  advance(to: number): void {
    if (to > this.now) this.now = to
  }

  /** @throws what the device clock throws */
  observe(clock: DeviceClock, { key, value, timestamp }: StreamRecord<unknown, unknown>): void {
    const device = clock.deviceOf(key, value)
    const agreed = this.#agreed
    if (device === null || agreed === null) return
    agreed.observe(device, clock.timeOf(key, value, timestamp))
    this.advance(agreed.value)
  }

  /** Saves its state for the next commit. */
  save(): void {
    this.#agreed?.save(this.#marks)
  }
}
