import type { BackendFactory, DiskBackend, OpenBackends, StateBackend } from '../ports/backend.ts'
import { StreamsConfigError } from '../ports/errors.ts'
import type { StoreSpec } from '../ports/store-spec.ts'

export interface ChosenBackendsOptions {
  /** STATE_DIR/<application.id>. */
  readonly directory: string
  /** The one of stores that choose none. */
  readonly byDefault: StateBackend
  readonly disk: (kind: DiskBackend) => BackendFactory
  readonly memory: () => BackendFactory
}

/** The backends that the stores of a stream thread have chosen, each opened once. */
export class ChosenBackends {
  readonly #options: ChosenBackendsOptions
  readonly #opened = new Map<StateBackend | OpenBackends, BackendFactory>()

  constructor(options: ChosenBackendsOptions) {
    this.#options = options
  }

  /**
   * @throws StreamsConfigError when a function of the topology opens no backends
   * @throws MissingPackageError when the package of the backend is not installed
   */
  of(spec: Pick<StoreSpec, 'name' | 'backend'>): BackendFactory {
    const { directory, byDefault, disk, memory } = this.#options
    const choice = spec.backend ?? byDefault
    const known = this.#opened.get(choice)
    if (known !== undefined) return known
    const opened = choice === 'memory' ? memory() : typeof choice === 'string' ? disk(choice) : choice(directory)
    if (typeof opened?.open !== 'function' || typeof opened.destroy !== 'function')
      throw new StreamsConfigError(`the backend of store ${spec.name} must have open() and destroy()`)
    this.#opened.set(choice, opened)
    return opened
  }
}
