import { StreamsConfigError, StreamsError } from '../state/ports/errors.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
/** Wrong usage or configuration. */
export const EXIT_USAGE = 2

/** The command did its work and the result is a no (something is missing, down or different). The message is the line on stderr. */
export class CommandFailedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('COMMAND_FAILED', message, options)
  }
}

/** Prints one line on stderr (with `verbose` the stack too) and answers the exit code. */
export function reportError(error: unknown, verbose: boolean): number {
  process.stderr.write(`ride-streams: ${oneLine(describeError(error))}\n`)
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`)
  return error instanceof StreamsConfigError ? EXIT_USAGE : EXIT_FAILED
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}

/** What went wrong, with the causes that add something; a bundle of errors is told by its first. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const message = error.message === '' ? error.name : error.message
  const inner = error instanceof AggregateError ? (error.errors as unknown[])[0] : error.cause
  if (inner === undefined || inner === null) return message
  const reason = describeError(inner)
  return message.includes(reason) ? message : `${message}: ${reason}`
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ')
