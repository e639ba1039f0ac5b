/** A transaction of a producer that ended in an abort, as a Fetch response lists it. */
export interface AbortedTransaction {
  readonly producerId: number
  /** Offset of its first record. */
  readonly firstOffset: number
}

/** The part of a record batch that the filter must know. */
export interface FilteredBatch {
  readonly producerId: number
  readonly lastOffset: number
  readonly transactional: boolean
  /** null for a data batch; else the type of the control record. */
  readonly marker: 'abort' | 'commit' | 'other' | null
}

/*
 * read_committed over the batches of one partition, as Kafka's own consumer does it (CompletedFetch.nextFetchedRecord):
 * 1. Batches are shown in offset order; every aborted transaction that overlaps them is in the list, in any order.
 * 2. A producer is in #aborted exactly while an aborted transaction of it is open at the batch shown last: it enters
 *    when a batch reaches the transaction's first offset and leaves with the ABORT marker. So a second aborted
 *    transaction of the same producer, whose first offset lies after that marker, enters again.
 * 3. A missing marker (beyond the response) only means that the rest of the response is aborted for that producer.
 */
export class AbortFilter {
  readonly #waiting: readonly AbortedTransaction[]
  readonly #aborted = new Set<number>()
  #next = 0

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.length < 2 ? aborted : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** True when the batch holds records that a read_committed reader sees. */
  keep(batch: FilteredBatch): boolean {
    for (let next = this.#waiting[this.#next]; next !== undefined && next.firstOffset <= batch.lastOffset; ) {
      this.#aborted.add(next.producerId)
      next = this.#waiting[++this.#next]
    }
    if (batch.marker !== null) {
      if (batch.marker === 'abort') this.#aborted.delete(batch.producerId)
      return false
    }
    return !(batch.transactional && this.#aborted.has(batch.producerId))
  }
}
