import { eventCheck as lateCheck } from '../../processors/events/event-check.ts'
import { OUTPUT_SCHEMAS, type OutputTopic, type OutputValues } from '../../processors/output-schemas.ts'
import { InvalidRecordError } from '../../state/index.ts'

const checks = new Map(Object.entries(OUTPUT_SCHEMAS).map(([topic, schema]) => [topic, lateCheck(schema)]))

/**
 * The value of a record of an output topic, checked against its schema. @throws InvalidRecordError `json` or `schema`: another program
 * wrote it
 */
export function readOutput<T extends OutputTopic>(topic: T, bytes: Buffer): OutputValues[T] {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new InvalidRecordError('json', `value is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const check = checks.get(topic)?.()
  if (check === undefined) throw new RangeError(`${topic} is no output topic`)
  if (check.Check(value)) return value as OutputValues[T]
  const [first] = check.Errors(value)
  const field = first?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  throw new InvalidRecordError(
    'schema',
    `${field === '' ? 'value' : field} ${first?.message ?? 'does not match its schema'}`,
  )
}
