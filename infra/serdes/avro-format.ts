import type { Schema as AvroSchema, ForSchemaOptions, Type } from 'avsc'
import { optionalPackage } from '../../state/optional-package.ts'
import type { Format, Read, WholeSchema, Writer } from './format.ts'

/** Options of avsc's `Type.forSchema`: logical types, how unions look. */
export type AvroOptions = Readonly<Record<string, unknown>>

/** Avro by avsc. Values are what avsc makes of them: records are objects, longs are numbers (they fail beyond 2^53), bytes are Buffers. */
export class AvroFormat<T> implements Format<T> {
  readonly #options: AvroOptions
  readonly #avsc: typeof import('avsc')

  constructor(options: AvroOptions = {}) {
    this.#options = options
    this.#avsc = optionalPackage('Avro serdes', 'avsc')
  }

  /** A wanted schema resolves what was written with another one: defaults, aliases, promoted numbers. */
  reader(written: WholeSchema, wanted: WholeSchema | null): Read<T> {
    const writer = this.#type(written)
    if (wanted === null) return (bytes) => plain(writer.fromBuffer(bytes)) as T
    const reader = this.#type(wanted)
    const resolver = reader.createResolver(writer)
    return (bytes) => plain(reader.fromBuffer(bytes, resolver)) as T
  }

  writer(schema: WholeSchema): Writer<T> {
    const type = this.#type(schema)
    return {
      prefix: Buffer.alloc(0),
      write(value) {
        try {
          return type.toBuffer(value)
        } catch (error) {
          const path = faultOf(type, value)
          throw path === null ? error : new TypeError(`${path} does not fit the schema`, { cause: error })
        }
      },
    }
  }

  #type({ schema, imports }: WholeSchema): Type {
    const registry: ForSchemaOptions['registry'] = {}
    const options = { ...this.#options, registry } as Partial<ForSchemaOptions>
    // Names of imported types are found in the shared registry, so they come first.
    for (const { text } of imports.values()) this.#avsc.Type.forSchema(avroOf(text), options)
    return this.#avsc.Type.forSchema(avroOf(schema.text), options)
  }
}

/** Primitive schemas are registered as `"string"`, and by some registries as `string`. */
function avroOf(text: string): AvroSchema {
  return (/^[a-z]+$/.test(text.trim()) ? text.trim() : JSON.parse(text)) as AvroSchema
}

/** avsc's records have a class each: a store that compares or copies values wants plain objects. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  if (Array.isArray(value)) return value.map(plain)
  const prototype = Object.getPrototypeOf(value) as { constructor?: { type?: unknown } } | null
  if (prototype !== Object.prototype && prototype?.constructor?.type === undefined) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

/** Path of the first part that does not fit; null: all do. */
function faultOf(type: Type, value: unknown): string | null {
  let found: string | null = null
  type.isValid(value, {
    errorHook: (path) => {
      found ??= path.length === 0 ? 'the value' : path.join('.')
    },
  })
  return found
}
