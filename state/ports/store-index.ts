/*
 * A secondary index over the committed rows of a store, for queries: it is declared with the store, kept in memory beside its
 * rows, and asked by questions that are declared with it, because they run where the rows are (in the stream thread).
 */

/** How many of the greatest times an index knows: enough for a rule that asks for the time which several keys have reached. */
export const LATEST_TIMES = 10

/** One row in the index, by its place in the order. */
export interface IndexEntry {
  /** Term and key as one binary string: the order of the entries, and where to read on behind this one. */
  readonly position: string
  readonly term: string
}

/** Committed rows by term. What it says holds until the caller next waits for something. */
export interface CommittedIndex<K = unknown, V = unknown> {
  /** Number of rows. */
  readonly size: number
  /**
   * The greatest `timeOf` of different keys, descending, at most LATEST_TIMES: of every row that is stored now or was committed
   * while the index was kept. The second one is what two keys have reached.
   */
  readonly latestTimes: readonly number[]
  /** Entries with `from` <= term <= `to`, in order of term and then key bytes, behind `after` if given. Lazy. */
  entries(from: string, to: string, after?: string): Iterable<IndexEntry>
  /** The row of an entry, null when it is gone. */
  row(entry: IndexEntry): { readonly key: K; readonly value: V } | null
}

/** Answers from the index; parameters and answer are plain data, because they cross threads. Pure but for what it reads. */
export type IndexQuestion<K, V> = (index: CommittedIndex<K, V>, params: unknown) => unknown

export interface StoreIndexSpec<K = unknown, V = unknown> {
  /** Where a row stands: a string of ASCII characters behind U+0001. A function of the value alone. */
  termOf(value: V): string
  /** Whether both have one term, said faster than by making the terms: asked for every row that is committed again. */
  stays(before: V, after: V): boolean
  /** When the row was true, epoch ms. */
  timeOf(value: V): number
  /** Name -> what it answers. */
  readonly questions: Readonly<Record<string, IndexQuestion<K, V>>>
}
