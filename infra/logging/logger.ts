import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { visibleJson } from '../terminal/index.ts'

export type { Logger } from 'pino'

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
export function createLogger(options: LoggerOptions, stream?: DestinationStream): Logger {
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

function openDestination(file: string | undefined): DestinationStream {
  if (file === undefined) return destination({ fd: 1, sync: true })
  mkdirSync(dirname(file), { recursive: true })
  return destination({ dest: file, append: true, sync: true })
}
