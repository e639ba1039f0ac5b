import type { KeyValueStore } from '../../../../state/ports/stores.ts'
import {
  type Cancellable,
  type Processor,
  type ProcessorContext,
  type PunctuationType,
  record,
  type StreamRecord,
} from '../../../../topology/index.ts'
import type { Text } from '../../values.ts'

/** Counts per key; at every tick tells all counts; cancels itself after so many ticks (0 = never). */
export class Ticker implements Processor<string, Text, string, string> {
  readonly #intervalMs: number
  readonly #type: PunctuationType
  readonly #limit: number
  #counts!: KeyValueStore<string, number>
  #ticks = 0

  constructor(intervalMs: number, type: PunctuationType, limit: number) {
    this.#intervalMs = intervalMs
    this.#type = type
    this.#limit = limit
  }

  init(context: ProcessorContext<string, string>): void {
    this.#counts = context.store('counts')
    const schedule = context.schedule(this.#intervalMs, this.#type, (timestamp) => {
      this.#ticks++
      for (const [key, count] of this.#counts.all()) {
        context.forward(record(key, `${count} at tick ${this.#ticks}`, timestamp))
      }
      if (this.#ticks === this.#limit) schedule.cancel()
    })
  }

  process({ key }: StreamRecord<string, Text>): void {
    if (key !== null) this.#counts.put(key, (this.#counts.get(key) ?? 0) + 1)
  }
}

/** Every fifth record sets an alarm by the wall clock and one by stream time; each rings once. No two at the same time:
 * Kafka Streams has no order for those. */
export class Alarm implements Processor<string, Text, string, string> {
  #context!: ProcessorContext<string, string>
  #records = 0

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
  }

  process(): void {
    if (++this.#records % 5 !== 0) return
    this.#set(`wall${this.#records}`, 'wall-clock-time')
    this.#set(`stream${this.#records}`, 'stream-time')
  }

  #set(name: string, type: PunctuationType): void {
    const alarm: Cancellable = this.#context.schedule(1000 + this.#records, type, (timestamp) => {
      this.#context.forward(record(name, `${timestamp}`, timestamp))
      alarm.cancel()
    })
  }
}
