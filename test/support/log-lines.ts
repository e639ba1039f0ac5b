import { createLogger, type Logger } from '../../infra/logging/logger.ts'

export type LogLine = Readonly<Record<string, unknown>>

/** A logger, and its lines so far as a reader of the log gets them. */
export function loggedLines(): { readonly logger: Logger; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const stream = { write: (text: string) => lines.push(JSON.parse(text) as LogLine) }
  return { logger: createLogger({ level: 'trace' }, stream as unknown as { write(text: string): void }), lines }
}
