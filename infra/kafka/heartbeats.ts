import { GenerationOverError, type GroupCoordinator, UnknownMemberError } from './group-requests.ts'
import { ErrorCode, isTransportFailure } from './protocol-error.ts'
import { type Timing, TryAgain } from './retry.ts'

/** Why the generation ended. */
export type GenerationEnd =
  | { readonly type: 'rebalance' }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'fatal'; readonly error: unknown }
  | { readonly type: 'stopped' }

export interface HeartbeatOptions {
  readonly intervalMs: number
  readonly timing: Timing
}

/*
 * Keeps a member alive during one generation, on a timer of its own.
 * 1. Beats go on after a rebalance was heard of, until stop(): the member still owns its tasks until it joins again.
 * 2. A coordinator that moves or cannot be reached is no verdict: beats are repeated. Only its answer ends a generation.
 */
export class Heartbeats {
  /** Resolves once, with the first reason why the generation is over. */
  readonly ended: Promise<GenerationEnd>
  /** Resolves when no heartbeat is in flight any longer. */
  readonly stopped: Promise<void>
  readonly #stop = new AbortController()
  #end: (end: GenerationEnd) => void = () => {}

  constructor(coordinator: GroupCoordinator, memberId: string, generation: number, options: HeartbeatOptions) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.stopped = this.#beat(coordinator, memberId, generation, options)
  }

  stop(): void {
    this.#stop.abort()
    this.#end({ type: 'stopped' })
  }

  async #beat(
    coordinator: GroupCoordinator,
    memberId: string,
    generation: number,
    { intervalMs, timing }: HeartbeatOptions,
  ): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && !coordinator.closing.aborted) {
      await timing.pause(intervalMs, signal)
      if (signal.aborted) return
      try {
        await coordinator.heartbeat(memberId, generation)
      } catch (error) {
        if (error instanceof GenerationOverError && error.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) {
          this.#end({ type: 'rebalance' })
        } else if (error instanceof GenerationOverError || error instanceof UnknownMemberError) {
          this.#end({ type: 'lost', reason: error.message })
          return
        } else if (!(error instanceof TryAgain || isTransportFailure(error))) {
          this.#end({ type: 'fatal', error })
          return
        }
      }
    }
  }
}
