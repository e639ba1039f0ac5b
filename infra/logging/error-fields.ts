import type { RecordDescription } from '../../state/ports/errors.ts'

/** Fields of a log line, by the names of docs/monitoring.md. */
export type LogFields = Readonly<Record<string, string | number | readonly string[] | undefined>>

/** The record that an error is about stands as a whole in one error; the others may come from any. */
const RECORD = ['topic', 'partition', 'offset'] as const
const OTHERS = { thread: ['thread'], taskId: ['taskId'], taskIds: ['taskIds'], store: ['storeName', 'store'] } as const
type Properties = Readonly<Record<string, unknown>>
/** Longer chains of causes are loops. */
const MAX_CAUSES = 10

/** Collects from an error and its causes where it happened, for the top level of a log line. */
export function errorFields(error: unknown): LogFields {
  const chain = chainOf(error)
  const fields: Record<string, LogFields[string]> = {}
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value
    else if (Array.isArray(value)) fields[name] = value.map(String)
  }
  for (const [name, properties] of Object.entries(OTHERS)) {
    const said = chain.flatMap((one) => properties.map((property) => one[property]))
    put(
      name,
      said.find((value) => value !== undefined),
    )
  }
  // A task by itself says more than all that its thread has.
  if (fields.taskId !== undefined) delete fields.taskIds
  const place = placeIn(chain)
  for (const name of RECORD) put(name, place?.[name])
  for (const [name, text] of Object.entries(descriptionOf(place))) put(name, text)
  return fields
}

/** The application's description of the record that an error is about. */
export function descriptionIn(error: unknown): RecordDescription {
  return descriptionOf(placeIn(chainOf(error)))
}

function chainOf(error: unknown): readonly Properties[] {
  const chain: Properties[] = []
  for (let one = error; one instanceof Error && chain.length < MAX_CAUSES; one = one.cause) {
    chain.push(one as unknown as Properties)
  }
  return chain
}

function descriptionOf(place: Properties | undefined): RecordDescription {
  return Object(place?.description) as RecordDescription
}

/** The error that says which record it was; else one that says which topic. */
function placeIn(chain: readonly Properties[]): Properties | undefined {
  return chain.find(({ offset }) => offset !== undefined) ?? chain.find(({ topic }) => topic !== undefined)
}
