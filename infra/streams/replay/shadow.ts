import type { TopicPartition } from '../../../runtime/ports/log.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'
import type { InputCut } from './input-cut.ts'
import { type Replay, ReplayInterruptedError } from './replay.ts'

export interface ShadowDifference {
  /** Changelog of the store. */
  readonly topic: string
  readonly key: string
  readonly expected: string | null
  readonly found: string | null
}

export interface ShadowReport {
  readonly rows: readonly ShadowDifference[]
  readonly total: number
  /** Rows that were not the same twice: too busy to be compared while the application runs. */
  readonly unsettled: number
}

/** Try again: the application does not get through what is in its repartition topics. */
export class ApplicationBehindError extends StreamsError {
  constructor(at: TopicPartition) {
    super('APPLICATION_BEHIND', `the application does not process ${partitionName(at)}: its stores cannot be compared`)
  }
}

export interface ShadowOptions {
  readonly admin: KafkaAdmin
  readonly applicationId: string
  readonly signal: AbortSignal
  /** Rejects when the signal is aborted. */
  readonly pause: (ms: number) => Promise<void>
}

const LOOK_EVERY_MS = 500
const CATCH_UP_MS = 60_000
const ROUNDS = 5

/*
 * A replay beside the running application.
 *
 * 1. The application goes on while its stores are read, so one look proves nothing. A row differs for sure when it differs in two
 *    rounds, and neither side changed it between them: each round's rebuild reaches further than what the application had
 *    done at the round before, once it has processed what then lay in its repartition topics.
 * 2. Nothing on Kafka is written before untilStopped() has resolved and Replay.finish() is called with its cut.
 */
export class Shadow {
  readonly #replay: Replay
  readonly #options: ShadowOptions

  constructor(replay: Replay, options: ShadowOptions) {
    this.#replay = replay
    this.#options = options
  }

  /** `limit`: differences shown per topic; 0 = all. */
  async compare(first: InputCut, limit: number): Promise<ShadowReport> {
    let before = await this.#round(first)
    for (let round = 2; ; round++) {
      await this.#throughRepartition(first)
      const now = await this.#round(await this.#replay.takeCut())
      const same = new Map([...now].filter(([key, row]) => isSame(before.get(key), row)))
      const unsettled = now.size - same.size
      if (unsettled > 0 && round < ROUNDS) {
        before = now
        continue
      }
      const shown = new Map<string, number>()
      const rows = [...same.values()].filter(({ topic }) => {
        const count = (shown.get(topic) ?? 0) + 1
        shown.set(topic, count)
        return limit === 0 || count <= limit
      })
      return { rows, total: same.size, unsettled }
    }
  }

  /** Waits for the last instance to leave, rebuilding all the while. The cut at which the application stopped. */
  async untilStopped(): Promise<InputCut> {
    const { admin, applicationId } = this.#options
    for (;;) {
      const group = await this.#guarded(() => admin.describeGroup(applicationId))
      const isEmpty = group === null || group.members.length === 0
      const cut = await this.#replay.takeCut()
      if (isEmpty) return cut
      await this.#replay.rebuild(cut)
      await this.#guarded(() => this.#options.pause(LOOK_EVERY_MS))
    }
  }

  async #round(cut: InputCut): Promise<ReadonlyMap<string, ShadowDifference>> {
    const run = await this.#replay.rebuild(cut)
    const rows = new Map<string, ShadowDifference>()
    await this.#guarded(() =>
      run.compare(['store'], false, async ({ topic, partition }, _kind, { key, value, found, differs }) => {
        if (!differs) return false
        const name = key.toString('utf8')
        rows.set(`${partitionKey({ topic, partition })}:${name}`, {
          topic,
          key: name,
          expected: utf8Of(value),
          found: utf8Of(found),
        })
        return false
      }),
    )
    return rows
  }

  /** Invariant 1: until the application has processed what its repartition topics hold now. */
  async #throughRepartition({ committed, input }: InputCut): Promise<void> {
    const { admin, applicationId, pause } = this.#options
    const inputs = new Set(input.map(({ topic }) => topic))
    const inner = committed.filter(({ topic }) => !inputs.has(topic))
    const ends = await admin.highWatermarks(inner)
    for (let waited = 0; ; waited += LOOK_EVERY_MS) {
      const now = await admin.committedOffsets(applicationId, inner)
      const at = new Map(now.map((committed) => [partitionKey(committed), committed.offset]))
      const behind = inner.find((own, i) => (at.get(partitionKey(own)) ?? 0) < (ends[i] ?? 0))
      if (behind === undefined) return
      if (waited >= CATCH_UP_MS) throw new ApplicationBehindError(behind)
      await this.#guarded(() => pause(LOOK_EVERY_MS))
    }
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#options.signal.aborted ? new ReplayInterruptedError(false) : error
    }
  }
}

function isSame(a: ShadowDifference | undefined, b: ShadowDifference): boolean {
  return a !== undefined && a.expected === b.expected && a.found === b.found
}

const utf8Of = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString('utf8'))
