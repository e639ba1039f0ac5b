import { type InstanceState, type StoreQueries, StoreUnavailableError } from '../../runtime/ports/instance.ts'

/** The queries of streams that do not run: each fails with StoreUnavailableError. */
export class StoppedQueries implements StoreQueries {
  readonly #state: InstanceState

  constructor(state: InstanceState) {
    this.#state = state
  }

  readonly #refuse = (): never => {
    throw new StoreUnavailableError(`the streams do not run, state is ${this.#state}`)
  }
  readonly #reject = async (): Promise<never> => this.#refuse()

  readonly get = this.#reject
  readonly range = this.#reject
  readonly fetch = this.#reject
  readonly fetchAll = this.#reject
  readonly sessions = this.#reject
  readonly asOf = this.#reject
  readonly scan = this.#reject
  readonly ask = this.#reject
  readonly getJson = this.#reject
  readonly watch = this.#reject
  readonly watchPage = this.#reject
  readonly sourceOffsets = this.#reject
  readonly passed = this.#reject
  readonly queryMetadataForKey = this.#refuse
  readonly streamsMetadataForStore = this.#refuse
}
