import type { Shown } from './shown-value.ts'

/** A record as it is shown. */
export interface ShownRecord {
  readonly topic: string
  readonly partition: number
  /** null: it was written by the rebuild, and its offset in the log is not known. */
  readonly offset: number | null
  /** Epoch ms. */
  readonly timestamp: number
  readonly key: Shown
  readonly value: Shown
  readonly headers: Readonly<Record<string, Shown>>
}

/** A record that was written. */
export interface WrittenRecord extends ShownRecord {
  /** True for the record that was asked about. */
  isAskedFor?: boolean
  /** Position in Chain.steps of the step that processes it. Repartition topics have one. */
  next?: number
}

/** A row that was read or written. */
export interface StoreAccess {
  readonly store: string
  readonly did: 'read' | 'wrote'
  readonly key: Shown
  /** The row before; null = there was none. */
  readonly before: Shown
  /** The row afterwards; null = there is none. */
  readonly after: Shown
}

/** One operator, and what one record did in it. */
export interface Visit {
  readonly operator: string
  /** Another reason to work than a record of the operator before it: a flushed store, a punctuator, the commit. */
  readonly because: string | null
  readonly key: Shown
  readonly value: Shown
  /** Epoch ms. */
  readonly timestamp: number
  readonly accesses: StoreAccess[]
  /** Operators that it forwarded to, in that order. */
  readonly visits: Visit[]
  readonly wrote: WrittenRecord[]
  /** Reasons for which it counted the record as dropped. */
  readonly dropped: string[]
  /** The message of the error that it threw. */
  error: string | null
}

/** One record, processed by one task. */
export interface Step {
  readonly taskId: string
  /** The step that wrote the record, or asked; null: it is an input record. Position in Chain.steps. */
  readonly from: number | null
  readonly record: ShownRecord
  /** The operator whose recorded answer about the record is processed; null: the record itself is. */
  readonly answerOf: string | null
  readonly visits: Visit[]
  /** Records that no operator wrote: dead letters, and changelog rows. */
  readonly wrote: WrittenRecord[]
  /** Rows it read or wrote: as they were before the step, and after it. */
  rows: readonly StoreRow[]
  /** Why it was left out. */
  error: string | null
  /** Facts about calls that have no answer. */
  readonly notes: string[]
}

export interface StoreRow {
  readonly store: string
  readonly key: Shown
  readonly before: Shown
  readonly after: Shown
  /** False: it was only read. */
  readonly isWritten: boolean
}

/** An input record and all that followed from it, in that order. */
export interface Chain {
  readonly steps: readonly Step[]
}
