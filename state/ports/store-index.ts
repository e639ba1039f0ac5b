/*
 * A secondary index over the committed rows of a store, for queries: it is declared with the store, kept in memory beside its
 * rows, and asked by questions that are declared with it, because they run where the rows are (in the stream thread).
 */

/** Number of greatest times that an index keeps: enough for a rule that asks for the time which several keys have reached. */
export const LATEST_TIMES = 10

/** One row in the index, by its place in the order. */
export interface IndexEntry {
  /** Term and key as one binary string: the order of the entries, and a place to continue after. */
  readonly position: string
  readonly term: string
}

export interface EntriesPage {
  /** The position of the last entry that is known already; exclusive. */
  readonly after?: string | null
  /** From the last entry to the first. */
  readonly reverse?: boolean
}

/** Committed rows by term. Its answers hold until the caller next awaits something. */
export interface CommittedIndex<K = unknown, V = unknown> {
  /** Number of rows in the index. */
  readonly size: number
  /**
   * The greatest `timeOf` of different keys, descending, at most LATEST_TIMES: of every row that is stored now or was committed
   * while the index was kept. The second one is what two keys have reached.
   */
  readonly latestTimes: readonly number[]
  /** Entries with `from` <= term <= `to`, in order of term and then key bytes. Lazy. */
  entries(from: string, to: string, page?: EntriesPage): Iterable<IndexEntry>
  /** The row of an entry, null when it is gone. */
  row(entry: IndexEntry): { readonly key: K; readonly value: V } | null
}

/** Answers from the index; parameters and answer are plain data, because they cross threads. It only reads. */
export type IndexQuestion<K, V> = (index: CommittedIndex<K, V>, params: unknown) => unknown

export interface StoreIndexSpec<K = unknown, V = unknown> {
  /** The place of a row: a string of ASCII characters above U+0001, computed from the value alone. null: the index leaves it out. */
  termOf(value: V): string | null
  /** True when both have the same term. It runs for every changed row, so it should be faster than making both terms. */
  stays(before: V, after: V): boolean
  /** Time of the row, epoch ms; for `latestTimes`, which is empty without it. */
  timeOf?(value: V): number
  /** Name -> what it answers. */
  readonly questions: Readonly<Record<string, IndexQuestion<K, V>>>
}
