import { messageOf } from '../../state/ports/errors.ts'
import { isThenable } from '../../state/ports/thenable.ts'
import type { Logger, WriteLine } from './logger.ts'

/** State that a logger shares with its children. */
interface Told {
  isTold: boolean
}

/*
 * A logger whose lines may get lost, but whose faults reach nobody: not the thread that writes the line, and no record.
 * 1. The first fault is a warning of the process (stderr); further ones are not told.
 */
export class SafeLogger implements Logger {
  readonly fatal: WriteLine
  readonly error: WriteLine
  readonly warn: WriteLine
  readonly info: WriteLine
  readonly debug: WriteLine
  readonly trace: WriteLine
  readonly silent: WriteLine
  readonly #logger: Logger
  readonly #told: Told

  private constructor(logger: Logger, told: Told) {
    this.#logger = logger
    this.#told = told
    const guarded = (level: Exclude<keyof Logger, 'level' | 'child'>): WriteLine => {
      return (fields, message, ...more) => this.#guard(() => logger[level](fields, message, ...more))
    }
    this.fatal = guarded('fatal')
    this.error = guarded('error')
    this.warn = guarded('warn')
    this.info = guarded('info')
    this.debug = guarded('debug')
    this.trace = guarded('trace')
    this.silent = guarded('silent')
  }

  static of(logger: Logger): SafeLogger {
    return logger instanceof SafeLogger ? logger : new SafeLogger(logger, { isTold: false })
  }

  get level(): string {
    return this.#logger.level
  }

  set level(level: string) {
    this.#logger.level = level
  }

  child(fields: Record<string, unknown>): Logger {
    let child: Logger = this.#logger
    this.#guard(() => {
      child = this.#logger.child(fields)
    })
    return new SafeLogger(child, this.#told)
  }

  #guard(write: () => unknown): void {
    try {
      const answer = write()
      if (isThenable(answer)) Promise.resolve(answer).catch((error: unknown) => this.#failed(error))
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Invariant 1. */
  #failed(error: unknown): void {
    if (this.#told.isTold) return
    this.#told.isTold = true
    process.emitWarning(`the logger failed, and lines of log are lost: ${messageOf(error)}`, 'RideStreamsWarning')
  }
}
