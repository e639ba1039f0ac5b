import { visibleText } from '../infra/terminal/index.ts'
import { StreamsError } from '../state/index.ts'

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
  const hint = codeOf(error) === 'MISSING_TOPIC' ? ' (ride-streams topics create makes missing topics)' : ''
  process.stderr.write(`ride-streams: ${visibleText(oneLine(describeError(error)))}${hint}\n`)
  if (verbose && error instanceof Error) {
    process.stderr.write(`${stackOf(error).split('\n').map(visibleText).join('\n')}\n`)
  }
  return codeOf(error) === 'CONFIG' ? EXIT_USAGE : EXIT_FAILED
}

/** Not the class: errors that come from a worker have lost theirs. */
const codeOf = (error: unknown): string | null => (error instanceof StreamsError ? error.code : null)

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}

/** Describes the error with the causes that add something. The first error of a bundle stands for all. */
export function describeError(error: unknown): string {
  let text = ''
  for (let at: unknown = error; at !== undefined && at !== null; at = innerOf(at)) {
    const message = at instanceof Error ? at.message || at.name : String(at)
    if (!text.includes(message)) text += text === '' ? message : `: ${message}`
  }
  return text
}

function innerOf(error: unknown): unknown {
  if (error instanceof AggregateError) return (error.errors as unknown[])[0]
  return error instanceof Error ? error.cause : undefined
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ')
