/** A store whose rows wait for the disk. */
export interface WaitingStore {
  /** Bytes of memory of the rows that are in no batch yet. */
  readonly gatheredBytes: number
  readonly isDraining: boolean
  /** The batch that drains is neither written nor failed. */
  readonly isWriting: boolean
  /** Resolves when the batch that drains is written, or has failed. */
  readonly drained: Promise<void>
  /** Writes what is gathered. Never rejects. */
  drain(): Promise<void>
}

/*
 * Owns: the sums of what stores gather and drain, those of a stream thread, say, whose part of the memory changes with the number of
 * threads.
 * 1. When they gather more than the limit, the store that gathers most begins to write.
 * 2. While they hold more than twice the limit, whoever has added to it waits for writes. What a failed write leaves is no reason to wait:
 *    only close() of its store frees it.
 */
export class WaitingRows {
  #limit: number
  readonly #stores = new Set<WaitingStore>()
  #gathered = 0
  #draining = 0

  /** `limit` in bytes of memory. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Under a lower limit writes begin at once. */
  set limit(bytes: number) {
    this.#limit = bytes
    this.#writeLargest()
  }

  join(store: WaitingStore): void {
    this.#stores.add(store)
  }

  /** Nobody else drains the store from now on. */
  leave(store: WaitingStore): void {
    this.#stores.delete(store)
  }

  gathered(bytes: number): void {
    this.#gathered += bytes
  }

  draining(bytes: number): void {
    this.#draining += bytes
  }

  /** null: there is room. */
  relieve(): Promise<void> | null {
    this.#writeLargest()
    return this.#isFull ? this.#room() : null
  }

  get #isFull(): boolean {
    return this.#gathered + this.#draining > 2 * this.#limit
  }

  /** Invariant 1. */
  #writeLargest(): void {
    if (this.#gathered > this.#limit) void this.#largest()?.drain()
  }

  #largest(): WaitingStore | null {
    let largest: WaitingStore | null = null
    let most = 0
    for (const store of this.#stores) {
      if (store.isDraining || store.gatheredBytes <= most) continue
      largest = store
      most = store.gatheredBytes
    }
    return largest
  }

  async #room(): Promise<void> {
    while (this.#isFull) {
      const writing = [...this.#stores].filter(({ isWriting }) => isWriting)
      if (writing.length === 0) return
      await Promise.race(writing.map(({ drained }) => drained))
      this.#writeLargest()
    }
  }
}
