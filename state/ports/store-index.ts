/*
 * A secondary index over the committed rows of a store, for queries: it is declared with the store, kept in memory beside its
 * rows, and asked by questions that are declared with it, because they run where the rows are (in the stream thread).
 */

/** One row in the index, by its place in the order. */
export interface IndexEntry {
  /** Term and key as one binary string: the order of the entries, and where to read on behind this one. */
  readonly position: string
  readonly term: string
}

/** Committed rows by term. What it says holds until the caller next waits for something. */
export interface CommittedIndex<K = unknown, V = unknown> {
  /** Greatest `timeOf` of any row that was ever committed while the index was kept, or is stored now; -1 when there is none. */
  readonly observedTime: number
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
