import type { OutputBatch } from '../ports/log.ts'
import { Epoch } from './epoch.ts'

/*
 * Owns the live epoch of a stream thread: the one that tasks fill.
 * 1. There is always one, and one only. The one before it may be on its way into a commit (CommitCycle).
 */
export class Epochs {
  readonly #newBatch: () => OutputBatch
  readonly #limits: { readonly maxSteps: number }
  live: Epoch

  /** @param limits read whenever an epoch begins */
  constructor(newBatch: () => OutputBatch, limits: { readonly maxSteps: number } = UNLIMITED) {
    this.#newBatch = newBatch
    this.#limits = limits
    this.live = this.#begin()
  }

  /** Begins the next live epoch and hands over the one before: to be committed, or to be thrown away. */
  next(): Epoch {
    const { live } = this
    this.live = this.#begin()
    return live
  }

  #begin(): Epoch {
    return new Epoch(this.#newBatch(), this.#limits.maxSteps)
  }
}

const UNLIMITED = { maxSteps: Number.POSITIVE_INFINITY }
