/**
 * The public face of topology/json-schema/: shapes of JSON values, as plain JSON Schema. The types are those of typebox. Its own builders
 * make the same objects, but typebox has 370 modules, and every stream thread would load them at its start.
 */
import type { Type as TypeBox } from 'typebox'

type Builders = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'String'
  | 'Union'
  | 'Unknown'
>

type Schema = Readonly<Record<string, unknown>>
type Options = Schema | undefined

/** Marks a property that an object need not have. It is hidden: JSON Schema says so in the object's `required`. */
const OPTIONAL = '~optional'

const builders = {
  Array: (items: Schema, options: Options) => ({ type: 'array', items, ...options }),
  Boolean: (options: Options) => ({ type: 'boolean', ...options }),
  Enum: (values: readonly unknown[], options: Options) => ({ enum: values, ...options }),
  Integer: (options: Options) => ({ type: 'integer', ...options }),
  Literal: (value: unknown, options: Options) => ({ type: typeof value, const: value, ...options }),
  Null: (options: Options) => ({ type: 'null', ...options }),
  Number: (options: Options) => ({ type: 'number', ...options }),
  Object(properties: Readonly<Record<string, Schema>>, options: Options) {
    const required = Object.keys(properties).filter((name) => !Object.hasOwn(properties[name] as Schema, OPTIONAL))
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options }
  },
  Optional: (schema: Schema) => Object.defineProperty({ ...schema }, OPTIONAL, { value: true }),
  String: (options: Options) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly Schema[], options: Options) => ({ anyOf, ...options }),
  Unknown: (options: Options) => ({ ...options }),
}

export const Type = builders as unknown as Builders
