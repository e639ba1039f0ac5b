/** The commands that a stream thread takes. */
export type Command =
  | { readonly type: 'assign'; readonly active: readonly string[]; readonly standby: readonly string[] }
  | { readonly type: 'lost' | 'close' }
  | { readonly type: 'pause'; readonly isPaused: boolean }

interface Pending {
  readonly command: Command
  readonly resolve: () => void
}

/*
 * Owns the orders to a stream thread that are not carried out yet.
 * 1. They are carried out one by one, in order of arrival.
 * 2. Each resolves when it is carried out, or when the thread has ended and so released everything. None rejects: why a
 *    thread ended is in its `stopped`.
 */
export class ThreadCommands {
  readonly #onCommand: () => void
  #pending: Pending[] = []

  /** @param onCommand rung when one has arrived */
  constructor(onCommand: () => void) {
    this.#onCommand = onCommand
  }

  get isWaiting(): boolean {
    return this.#pending.length > 0
  }

  post(command: Command): Promise<void> {
    return new Promise((resolve) => {
      this.#pending.push({ command, resolve })
      this.#onCommand()
    })
  }

  /** @throws what `carryOut` throws; that command then waits for end() */
  async run(carryOut: (command: Command) => Promise<void>): Promise<void> {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      await carryOut(next.command)
      this.#pending.shift()
      next.resolve()
    }
  }

  /** The thread has ended. */
  end(): void {
    for (const { resolve } of this.#pending.splice(0)) resolve()
  }
}
