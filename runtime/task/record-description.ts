import { messageOf, type RecordDescription } from '../../state/ports/errors.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { LogRecord } from '../ports/log.ts'

/**
 * Says by which fields log lines name a bad record: the application's ids, for instance. Called for bad records only, and the record may be
 * anything. At most eight fields are kept, with 200 characters of each text, and none with a name that log lines or errors have already.
 */
export type DescribeRecord = (
  record: Pick<LogRecord, 'key' | 'value' | 'headers' | 'timestamp'>,
) => Readonly<Record<string, string | undefined>>

const MOST_FIELDS = 8
const MOST_CHARACTERS = 200
const NAME = /^[A-Za-z][\w.-]{0,63}$/
/** Fields of log lines (docs/monitoring.md) and of errors: these names have a meaning already. */
const TAKEN: ReadonlySet<string> = new Set(
  (
    'level time msg err thread taskId taskIds store storeName node topic partition offset outcome reason error notLogged ' +
    'code stack cause description'
  ).split(' '),
)

/** The application's description of a record, within bounds. When the function fails, `descriptionError` says why. */
export function describedBy(describe: DescribeRecord | undefined, record: LogRecord): RecordDescription {
  if (describe === undefined) return {}
  try {
    const answer = answerOf('describeRecord', describe(record))
    const fields = Object.entries(answer).flatMap(([name, text]) =>
      typeof text === 'string' && isFree(name) ? [[name, text.slice(0, MOST_CHARACTERS)] as const] : [],
    )
    return Object.fromEntries(fields.slice(0, MOST_FIELDS))
  } catch (error) {
    return { descriptionError: messageOf(error).slice(0, MOST_CHARACTERS) }
  }
}

function isFree(name: string): boolean {
  return NAME.test(name) && !TAKEN.has(name) && !(name in Error.prototype)
}
