import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { SourceNode } from '../../topology/plan.ts'
import type { Clock } from '../ports/clock.ts'
import type { ThreadListener } from '../ports/instance-events.ts'
import type { FetchedPartition, LogReader } from '../ports/log.ts'
import { prepareRecords } from '../task/prepare-serdes.ts'
import type { StreamTask } from '../task/stream-task.ts'
import { asError } from './failure-log.ts'
import { isRetriable, TaskTimeout, type TimeoutConfig } from './task-timeout.ts'

export interface RecordPreparationOptions {
  readonly reader: LogReader
  readonly clock: Clock
  readonly config: TimeoutConfig
  /** Hears why a partition still waits. */
  readonly onEvent: ThreadListener
  /** Called when records are ready, or can no longer be waited for. */
  readonly onNews: () => void
}

/** A partition that waits, with the records that wait in it. */
interface Held {
  readonly source: SourceNode
  readonly fetched: FetchedPartition[]
}

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 5000

/*
 * Owns fetched records whose serdes are not ready to read them (Serde.prepareRecords). Partitions with other serdes never come here.
 * 1. A partition's records leave in the order in which they were fetched, and none before its serdes are ready.
 * 2. A partition that waits is not fetched. It costs the others nothing.
 * 3. What a serde cannot have now is asked for again after growing pauses; after taskTimeoutMs the thread fails. What it cannot have
 *    at all is no reason to wait: reading the record fails.
 */
export class RecordPreparation {
  readonly #options: RecordPreparationOptions
  readonly #held = new Map<string, Held>()
  #ready: FetchedPartition[] = []
  #failure: { readonly cause: unknown } | null = null

  constructor(options: RecordPreparationOptions) {
    this.#options = options
  }

  get hasNews(): boolean {
    return this.#ready.length > 0 || this.#failure !== null
  }

  isHeld(partition: string): boolean {
    return this.#held.has(partition)
  }

  /** Takes records that have to wait. Returns false for all others. */
  holds(fetched: FetchedPartition, tasks: readonly StreamTask[]): boolean {
    const source = preparingSource(fetched, tasks)
    if (source === null) return false
    const key = partitionKey(fetched)
    const held = this.#held.get(key)
    if (held !== undefined) {
      held.fetched.push(fetched)
      return true
    }
    const missing = prepareRecords(source, fetched)
    if (missing === null) return false
    const begun: Held = { source, fetched: [fetched] }
    this.#held.set(key, begun)
    this.#options.reader.pause(fetched)
    void this.#wait(key, begun, missing)
    return true
  }

  /** Records that are ready now; the caller resumes their partitions. @throws TaskTimeoutError */
  take(): readonly FetchedPartition[] {
    if (this.#failure !== null) {
      const { cause } = this.#failure
      this.#failure = null
      throw cause
    }
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  /** Forgets the records of a partition. */
  remove(partition: string): void {
    this.#held.delete(partition)
    this.#ready = this.#ready.filter((fetched) => partitionKey(fetched) !== partition)
  }

  /** Never rejects. */
  async #wait(key: string, held: Held, first: Promise<void>): Promise<void> {
    const { clock, config, onEvent, onNews } = this.#options
    const timeout = new TaskTimeout(clock, config)
    let missing: Promise<void> | null = first
    let delayMs = FIRST_DELAY_MS
    for (let i = 0; i < held.fetched.length; ) {
      const begunAt = clock.monotonic()
      try {
        await (missing ?? prepareRecords(held.source, held.fetched[i] as FetchedPartition))
        i += 1
        timeout.gotFurther()
      } catch (error) {
        if (this.#held.get(key) !== held) return
        if (!isRetriable(error)) {
          onEvent({ type: 'recovered', error: asError(error) })
          i += 1
        } else {
          const over = timeout.failed(`partition ${key}`, error, begunAt)
          if (over !== null) {
            this.#failure ??= { cause: over }
            onNews()
            return
          }
          onEvent({ type: 'recovered', error })
          await clock.sleep(delayMs)
          delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2)
        }
      }
      missing = null
      if (this.#held.get(key) !== held) return
    }
    this.#held.delete(key)
    this.#ready.push(...held.fetched)
    onNews()
  }
}

/** The source of the partition when a serde of it wants to see records before they are read. */
function preparingSource({ topic, partition }: FetchedPartition, tasks: readonly StreamTask[]): SourceNode | null {
  for (const { queues } of tasks) {
    for (const queue of queues) {
      if (queue.partition !== partition || queue.topic !== topic) continue
      const { keySerde, valueSerde } = queue.source
      if (keySerde.prepareRecords !== undefined || valueSerde.prepareRecords !== undefined) return queue.source
    }
  }
  return null
}
