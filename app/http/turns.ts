import { HttpError } from '../../infra/http/index.ts'

/*
 * Owns whose turn it is to read much.
 * 1. One at a time, first come, first served.
 * 2. At most so many wait. Further ones are refused rather than kept: clients ask again, and instances wait only seconds for each other.
 */
export class Turns {
  readonly #mostWaiting: number
  #last: Promise<unknown> = Promise.resolve()
  #taken = 0

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting
  }

  /** @throws HttpError 503 when too many wait, and what `work` throws */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken > this.#mostWaiting) {
      throw new HttpError(503, 'TOO_BUSY', `${this.#taken} such requests are under way already: try again later`)
    }
    this.#taken++
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#taken--
    }
  }
}
