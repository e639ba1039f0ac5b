import type { Static, TSchema } from 'typebox'
import { optionalPackage } from '../../state/optional-package.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { type CheckedJsonOptions, checkedJson } from './standard-schema-serde.ts'

/**
 * JSON whose values a schema of typebox checks when they are read; the check is compiled once. A value that does not fit is an
 * InvalidRecordError that says where.
 * @throws MissingPackageError when typebox is not installed
 */
export function typeboxSerde<S extends TSchema>(
  schema: S,
  { checksWrites = false }: CheckedJsonOptions = {},
): Serde<Static<S>> {
  const { Compile } = optionalPackage<typeof import('typebox/compile')>('typebox serdes', 'typebox', 'typebox/compile')
  const check = Compile(schema)
  const checked = (value: unknown): Static<S> => {
    if (check.Check(value)) return value as Static<S>
    const [first] = check.Errors(value)
    const where = first === undefined || first.instancePath === '' ? 'the value' : first.instancePath
    throw new InvalidRecordError('schema', `${where} ${first?.message ?? 'does not fit the schema'}`)
  }
  return checkedJson('of typebox schemas', checked, checksWrites)
}
