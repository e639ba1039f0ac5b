import type { Likeness } from '../../../runtime/causes/cause-search.ts'
import type { Chain, ShownRecord } from '../../../runtime/causes/chain.ts'
import type { GoneRange } from '../replay/input-cut.ts'
import type { TopicRole } from '../topics/plan-topics.ts'

/**
 * How the cause is known: the record is an input itself, the dead letter names it, or the rebuild wrote a record that is more or less
 * the same.
 */
export type HowKnown = 'is-input' | 'named' | Likeness

/** Why a dead letter died, as its headers say. */
export interface Death {
  readonly reason: string
  readonly exception: string
  readonly message: string
}

export interface Cause {
  readonly record: ShownRecord
  readonly role: TopicRole
  readonly death: Death | null
  /** null: no input record gives this record. */
  readonly how: HowKnown | null
  /** The input record. */
  readonly input: ShownRecord | null
  /** Its number among the records that are alike; null: nothing had to be compared. */
  readonly alike: { readonly number: number; readonly of: number } | null
  readonly chain: Chain | null
  /** Positions in the chain of the steps from the input record to the one that was asked about. */
  readonly path: readonly number[]
  /** Input records that were processed again. */
  readonly processed: number
  /** Input that retention has removed: the state before is rebuilt without it. */
  readonly gone: readonly GoneRange[]
  /** Answers of calls that are not recorded: nothing follows from them in the rebuild. */
  readonly missingAnswers: readonly MissingAnswers[]
  /**
   * The order of records in each task that ran. `log`: each reads one partition, so it is that of the application. `timestamps`: some task
   * reads several, and the smallest timestamp went first, as in an application that keeps up.
   */
  readonly order: 'log' | 'timestamps'
  /** Global tables that were read: their rows are those of now, not those of then. */
  readonly globalTables: readonly string[]
  /** Operators with punctuators by wall-clock time, which did not fire. */
  readonly clocks: readonly string[]
}

export interface MissingAnswers {
  /** The node that made the calls. */
  readonly node: string
  readonly calls: number
}
