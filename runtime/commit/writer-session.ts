import type { StreamsConfig } from '../instance/streams-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { LogWriter } from '../ports/log.ts'

/** Owns whether the writer of a stream thread may be used: it is initialised before the first commit, and after whatever spoilt it. */
export class WriterSession {
  readonly #writer: LogWriter
  readonly #clock: Clock
  readonly #config: StreamsConfig
  #isReady = false
  /** When the begin() that has not succeeded yet was called, Clock.monotonic(). */
  beganAt: number | null = null
  /** An open transaction may hold offsets that others wait for: the writer is initialised also when nothing is opened here. */
  mayHoldOffsets = false
  /**
   * A fenced thread waits until then (Clock.monotonic()) for the group to say which tasks are ours. If others have taken them over,
   * the member was expelled, and its heartbeats say so within the session timeout. If not, a late request fenced it: one of a
   * member that has since seen it come back, or its own. Then it goes on.
   */
  fencedUntil = Number.NEGATIVE_INFINITY

  constructor(writer: LogWriter, clock: Clock, config: StreamsConfig) {
    this.#writer = writer
    this.#clock = clock
    this.#config = config
  }

  /**
   * Fences our own past: an open transaction of a predecessor is aborted before its offsets are read.
   * @param timeoutMs how long brokers may keep us waiting
   */
  async begin(timeoutMs: number): Promise<void> {
    if (this.#isReady) return
    this.beganAt = this.#clock.monotonic()
    await this.#writer.init(timeoutMs)
    this.beganAt = null
    this.#isReady = true
    this.mayHoldOffsets = false
  }

  /** The tasks went to other members, and a member that took over may have fenced this writer. */
  lost(): void {
    this.#isReady = false
  }

  /** A commit has failed, or nobody knows. */
  failed(): void {
    this.#isReady = false
    this.mayHoldOffsets = true
  }

  fenced(): void {
    this.fencedUntil = this.#clock.monotonic() + this.#config.sessionTimeoutMs
  }

  /** The group has said what is ours. */
  assigned(): void {
    this.fencedUntil = Number.NEGATIVE_INFINITY
    // A predecessor under our name may have died during a transaction.
    if (!this.#isReady) this.mayHoldOffsets = true
  }
}
