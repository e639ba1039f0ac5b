import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { destination, pino, stdTimeFunctions } from 'pino'
import { visibleJson } from '../terminal/index.ts'

/** Writes one line, of these fields and that message. */
export type WriteLine = (fields: unknown, message?: string, ...more: unknown[]) => void

/**
 * A pino logger, or what has its methods. The types of pino itself are not in the package's, so that its users need not install it: the
 * build copies it in.
 */
export interface Logger {
  level: string
  readonly fatal: WriteLine
  readonly error: WriteLine
  readonly warn: WriteLine
  readonly info: WriteLine
  readonly debug: WriteLine
  readonly trace: WriteLine
  readonly silent: WriteLine
  child(fields: Record<string, unknown>): Logger
}

/** Takes each line with its line feed. */
export interface LineStream {
  write(line: string): void
}

/** Names whose values never reach a log line, at the top and one level down. */
const SECRET_FIELDS = ['password', 'token', 'authorization', 'httpToken', 'httpTlsKey', 'sasl', 'tls.key']

export interface LoggerOptions {
  readonly level: string
  /** File to append to; default: stdout. */
  readonly file?: string | undefined
  /** Fields on every line. */
  readonly base?: Readonly<Record<string, unknown>>
}

/** JSON lines with ISO times. Writes are synchronous: the lines before a crash are the ones that matter. */
export function createLogger(options: LoggerOptions, stream?: LineStream): Logger {
  return pino(
    {
      level: options.level,
      base: options.base ?? {},
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A terminal obeys control characters, and JSON needs to escape but some of them.
      hooks: { streamWrite: visibleJson },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '***' },
    },
    stream ?? openDestination(options.file),
  )
}

function openDestination(file: string | undefined): LineStream {
  if (file === undefined) return destination({ fd: 1, sync: true })
  mkdirSync(dirname(file), { recursive: true })
  return destination({ dest: file, append: true, sync: true })
}
