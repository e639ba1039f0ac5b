/*
 * A replay rule says what "differs from the latest row in the topic" means when a replay has rebuilt a store or an output. An
 * application declares a rule for each store and output that is no plain table (docs/decisions/replay.md).
 */

/** One key: what the replay gives and what the topic holds; null = nothing. */
export interface ReplayedRow {
  readonly rebuilt: Buffer | null
  readonly found: Buffer | null
  /** The topic has lost records: a row that is not found may have been there. */
  readonly isGone: boolean
}

export interface ReplayRule {
  /** Can all rows be written again without saying anything new? False for streams of events. */
  readonly isTable: boolean
  /** The value to write; null deletes the row; undefined: the row is right as it is. */
  correction(row: ReplayedRow): Buffer | null | undefined
}

/** Rules by the names of stores and of output topics. Whatever has none is a table: another value, or none, differs. */
export interface ReplayRules {
  readonly stores: Readonly<Record<string, ReplayRule>>
  readonly outputs: Readonly<Record<string, ReplayRule>>
}

export const TABLE_RULE: ReplayRule = {
  isTable: true,
  correction({ rebuilt, found }) {
    if (rebuilt === null ? found === null : found !== null && rebuilt.equals(found)) return undefined
    return rebuilt
  },
}

/** Rows of unanswered calls: which there are counts. A row names the place of its record, which a rebuilt repartition topic has not. */
export const UNANSWERED_RULE: ReplayRule = {
  isTable: true,
  correction({ rebuilt, found }) {
    return (rebuilt === null) === (found === null) ? undefined : rebuilt
  },
}
