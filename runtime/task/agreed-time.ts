import { hashOfKey } from '../../topology/default-partitioner.ts'
import type { TaskMarks } from './task-marks.ts'

const AGREED = '$agreed-time.value'
const LAST_TIME = '$agreed-time.last'
const LAST_DEVICE = '$agreed-time.device'

/*
 * Owns: the greatest time that two devices, one right after the other, have reached (plan.ts, DeviceClock).
 *
 * Invariants:
 * 1. It only grows, and never passes what the devices other than any one of them have reached.
 * 2. It is a function of the records in their order, also over a restart: save() keeps all it needs with the offsets.
 * 3. A time that the next device does not confirm is forgotten: wrong clocks do not add up.
 */
export class AgreedTime {
  #value: number
  /** Time of the last record whose device is known. */
  #lastTime: number
  #lastDevice: string | null = null
  /** Hash of the device before a restart: its name is not stored. */
  #lastHash: number

  constructor(marks: TaskMarks) {
    this.#value = marks.get(AGREED) ?? -1
    this.#lastTime = marks.get(LAST_TIME) ?? -1
    this.#lastHash = marks.get(LAST_DEVICE) ?? -1
  }

  /** Epoch ms; -1 before two devices have sent a time. */
  get value(): number {
    return this.#value
  }

  /** Time of the last record whose device is known; -1 before the first. */
  get lastTime(): number {
    return this.#lastTime
  }

  /** Takes the time of the next record. */
  observe(device: string, time: number): void {
    if (!this.#isLast(device)) {
      const agreed = time < this.#lastTime ? time : this.#lastTime
      if (agreed > this.#value) this.#value = agreed
      this.#lastDevice = device
    }
    this.#lastTime = time
  }

  save(marks: TaskMarks): void {
    if (this.#lastDevice !== null) this.#lastHash = hashOfKey(this.#lastDevice)
    if (this.#lastHash === -1) return
    marks.set(AGREED, this.#value)
    marks.set(LAST_TIME, this.#lastTime)
    marks.set(LAST_DEVICE, this.#lastHash)
  }

  #isLast(device: string): boolean {
    return this.#lastDevice === null ? hashOfKey(device) === this.#lastHash : device === this.#lastDevice
  }
}
