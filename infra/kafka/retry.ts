import { setTimeout as sleep } from 'node:timers/promises'
import { StreamsError } from '../../state/ports/errors.ts'
import {
  isRefusal,
  isTransportFailure,
  KafkaConnectionError,
  KafkaFatalError,
  messageOf,
  rootMessage,
} from './protocol-error.ts'
import { type Waiting, WaitReports } from './wait-reports.ts'

/** The time and randomness of waits: real, or a simulation's. */
export interface Timing {
  /** For durations and deadlines, ms. */
  monotonic(): number
  /** Waits; resolves early when the signal fires. */
  pause(ms: number, signal?: AbortSignal | undefined): Promise<void>
  /** In [0, 1). */
  random(): number
}

export const REAL_TIMING: Timing = { monotonic: () => performance.now(), pause, random: () => Math.random() }

/** Bounded exponential waiting, with jitter so that many clients do not come back together. */
export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #timing: Timing
  #attempts = 0

  constructor(minMs: number, maxMs: number, timing: Timing = REAL_TIMING) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#timing = timing
  }

  /** Length of the next wait, ms. */
  next(): number {
    const full = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempts++, 20))
    return full * (0.75 + this.#timing.random() * 0.25)
  }

  /** Number of waits since the beginning or the last reset. */
  get attempts(): number {
    return this.#attempts
  }

  reset(): void {
    this.#attempts = 0
  }
}

/** Thrown inside `withRetries`: this attempt failed, and another one may succeed. */
export class TryAgain extends StreamsError {
  /** The wait before the next attempt is no longer than this, ms: what is in the way takes a moment only. */
  readonly maxDelayMs: number

  constructor(reason: string, { maxDelayMs = Number.POSITIVE_INFINITY }: { readonly maxDelayMs?: number } = {}) {
    super('TRY_AGAIN', reason)
    this.maxDelayMs = maxDelayMs
  }
}

export interface RetryLimits {
  /** Name of the action, for the error message. */
  readonly action: string
  /** Total time, ms; Infinity = until the signal. */
  readonly timeoutMs: number
  /** First and longest wait, ms. */
  readonly minDelayMs?: number
  readonly maxDelayMs?: number
  readonly signal?: AbortSignal | undefined
  readonly timing?: Timing
  /** Called when the action takes longer than some seconds, and then from time to time. */
  readonly onWait?: ((waiting: Waiting) => void) | undefined
}

/**
 * Repeats `attempt` while it throws TryAgain or a transport failure. Throws KafkaConnectionError when the time is over or the
 * signal fires, KafkaFatalError when the cluster refuses us, and any other error unchanged.
 */
export async function withRetries<T>(limits: RetryLimits, attempt: () => Promise<T>): Promise<T> {
  const reports = limits.onWait === undefined ? null : new WaitReports(limits.action, limits.onWait)
  try {
    return await retried(limits, attempt, reports)
  } finally {
    reports?.stop()
  }
}

async function retried<T>(limits: RetryLimits, attempt: () => Promise<T>, reports: WaitReports | null): Promise<T> {
  const timing = limits.timing ?? REAL_TIMING
  const deadline = timing.monotonic() + limits.timeoutMs
  const backoff = new Backoff(limits.minDelayMs ?? 10, limits.maxDelayMs ?? 1000, timing)
  for (;;) {
    let failure: unknown
    try {
      return await attempt()
    } catch (error) {
      if (isRefusal(error)) {
        throw new KafkaFatalError(`${limits.action}: the brokers refuse the connection: ${rootMessage(error)}`, {
          cause: error,
        })
      }
      if (!(error instanceof TryAgain) && !isTransportFailure(error)) throw error
      failure = error
      reports?.failed(error)
    }
    const delay = Math.min(backoff.next(), failure instanceof TryAgain ? failure.maxDelayMs : Number.POSITIVE_INFINITY)
    if (limits.signal?.aborted || timing.monotonic() + delay > deadline) {
      const reason = limits.signal?.aborted ? 'closed' : `gave up after ${limits.timeoutMs} ms`
      const [what, why] = [messageOf(failure), rootMessage(failure)]
      const shown = what.includes(why) ? what : `${what}: ${why}`
      throw new KafkaConnectionError(`${limits.action}: ${reason}: ${shown}`, { cause: failure })
    }
    await timing.pause(delay, limits.signal)
  }
}

/** Waits; resolves early when the signal fires. */
export async function pause(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : undefined)
  } catch (error) {
    if (!signal?.aborted) throw error
  }
}
