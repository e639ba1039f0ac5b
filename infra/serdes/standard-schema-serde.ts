import { InvalidRecordError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { isThenable } from '../../state/ports/thenable.ts'

/** The part of the Standard Schema interface, version 1, that a serde needs. zod, valibot and arktype implement it. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export interface CheckedJsonOptions {
  /** Checks values when they are written, too. Default false: they are the program's own. */
  readonly checksWrites?: boolean | undefined
}

/**
 * JSON whose values a schema of zod, or of any other library with the Standard Schema interface, checks when they are read. What the
 * schema transforms or fills in is the value. A value that does not fit is an InvalidRecordError that says where.
 */
export function standardSchemaSerde<Output>(
  schema: StandardSchema<Output>,
  { checksWrites = false }: CheckedJsonOptions = {},
): Serde<Output> {
  const { vendor, validate } = schema['~standard']
  const checked = (value: unknown): Output => {
    const result = validate(value)
    if (isThenable(result)) {
      void Promise.resolve(result).catch(() => undefined) // the error below says it all
      throw new TypeError(`the schema of ${vendor} checks asynchronously; a serde cannot wait`)
    }
    const { issues } = result as StandardResult<Output>
    if (issues === undefined) return (result as { readonly value: Output }).value
    throw new InvalidRecordError('schema', faultOf(issues))
  }
  return checkedJson(`of ${vendor} schemas`, checked, checksWrites)
}

/** JSON text of values that `checked` lets pass, on reading and perhaps on writing. */
export function checkedJson<T>(name: string, checked: (value: unknown) => T, checksWrites: boolean): Serde<T> {
  const read = (text: string): T => checked(parsed(text))
  return {
    name,
    serialize(_topic, value) {
      if (checksWrites) checked(value)
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError('the value has no JSON text')
      return text
    },
    deserialize: (_topic, bytes) => read(bytes.toString('utf8')),
    deserializeText: (_topic, text) => read(text),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidRecordError('json', (error as Error).message)
  }
}

function faultOf([first]: readonly StandardIssue[]): string {
  if (first === undefined) return 'the value does not fit the schema'
  const path = (first.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path === '' ? first.message : `${path}: ${first.message}`
}
