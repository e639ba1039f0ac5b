import type { Window } from './stores.ts'

/*
 * Questions to the committed rows of one store, and the rows that answer them. Both cross threads, so both carry what the
 * serdes wrote: keys and values are binary strings (one character per byte). The asking side encodes and decodes.
 */

/** Selects among the matching rows: at most `limit`, from one end of the store's order, or from after a place in it. */
export interface QuestionPage {
  /** The `position` of a StoredRow; exclusive. */
  readonly after?: string | undefined
  readonly limit: number
  readonly reverse: boolean
}

/**
 * For key-value and versioned stores: rows (of a versioned store the latest versions) in order of the key bytes; bounds
 * inclusive.
 */
export interface RangeQuestion extends QuestionPage {
  readonly type: 'range'
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** For window stores: rows with a start in [from, to] by start, then key bytes. `key` null: of all keys. */
export interface WindowsQuestion extends QuestionPage {
  readonly type: 'windows'
  readonly key: string | null
  readonly from: number
  readonly to: number
}

/**
 * For session stores: sessions with end >= earliestEnd and start <= latestStart by end, then key bytes, then start. `key` null:
 * of all keys.
 */
export interface SessionsQuestion extends QuestionPage {
  readonly type: 'sessions'
  readonly key: string | null
  readonly earliestEnd: number
  readonly latestStart: number
}

/** For versioned stores: the version that was valid at a time (epoch ms). */
export interface AsOfQuestion {
  readonly type: 'as-of'
  readonly key: string
  readonly asOf: number
}

export type RowsQuestion = RangeQuestion | WindowsQuestion | SessionsQuestion | AsOfQuestion

/** A question to the store's secondary index (StoreIndexSpec); parameters and answer are plain data. */
export interface AskIndex {
  readonly type: 'index'
  readonly question: string
  readonly params: unknown
}

export type StoreQuestion = RowsQuestion | AskIndex

export interface StoredRow {
  /** Place in the store's order; rows of all tasks and instances sort by it. In key-value and versioned stores it is the key itself. */
  readonly position: string
  readonly key: string
  /** Only rows of window and session stores have it. */
  readonly window?: Window
  readonly value: string
  readonly timestamp: number
  /** Only rows of versioned stores have it; null = still valid. */
  readonly validTo?: number | null
  /** Only where the store keeps headers. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string | null]>
}
