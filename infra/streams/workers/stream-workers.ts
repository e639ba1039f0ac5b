import type { InstanceListener } from '../../../runtime/ports/instance-events.ts'
import type { Config } from '../../config/config.ts'
import type { AppDefinition } from '../app-definition.ts'
import { ThreadBudgets } from '../thread-budgets.ts'
import { WorkerThread } from '../worker-thread.ts'

/*
 * Owns: the workers of an instance's stream threads until they begin. They load their modules at once, which takes half a second: a
 * program makes them before it loads the rest of its own.
 */
export class StreamWorkers {
  readonly budgets: ThreadBudgets
  readonly #app: AppDefinition
  readonly #loading: Map<number, WorkerThread>
  #onEvent: InstanceListener = () => undefined
  #onOpening = (): void => undefined

  constructor(app: AppDefinition, config: Config) {
    this.#app = app
    this.budgets = new ThreadBudgets(config)
    this.#loading = new Map(Array.from({ length: config.numStreamThreads }, (_, index) => [index, this.#make(index)]))
  }

  /** Called before a worker begins; before that it has nothing to tell. */
  listen(onEvent: InstanceListener, onOpening: () => void): void {
    this.#onEvent = onEvent
    this.#onOpening = onOpening
  }

  /** The worker of a thread that begins: one that loads already, or a new one. */
  take(index: number): WorkerThread {
    const worker = this.#loading.get(index) ?? this.#make(index)
    this.#loading.delete(index)
    return worker
  }

  /** Ends those that nobody has taken. */
  async discard(): Promise<void> {
    await Promise.all([...this.#loading.values()].map((worker) => worker.discard()))
    this.#loading.clear()
  }

  #make(index: number): WorkerThread {
    const youngGenerationBytes = this.budgets.youngGenerationBytes(index)
    return new WorkerThread(
      { index, app: this.#app, youngGenerationBytes },
      (event, thread) => this.#onEvent(event, thread),
      () => this.#onOpening(),
    )
  }
}
