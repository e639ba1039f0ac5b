import type { ErrorObject, Options } from 'ajv'
import { optionalPackage } from '../../state/optional-package.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import type { Format, Read, WholeSchema, Writer } from './format.ts'

/** Options of ajv. Formats need ajv-formats, so they are not checked unless `validateFormats` and `formats` say how. */
export type JsonSchemaOptions = Readonly<Record<string, unknown>>

type Ajv2020 = import('ajv/dist/2020.js').Ajv2020
type Validate = import('ajv').ValidateFunction

/** JSON checked by ajv when it is read and when it is written; draft 2020-12, or draft 7 where the schema says so. */
export class JsonSchemaFormat<T> implements Format<T> {
  readonly #options: Options

  constructor(options: JsonSchemaOptions = {}) {
    this.#options = { strict: false, validateFormats: false, ...options }
    this.#ajv('')
  }

  reader(written: WholeSchema, wanted: WholeSchema | null): Read<T> {
    const validate = this.#compile(wanted ?? written)
    return (bytes) => {
      const value: unknown = JSON.parse(bytes.toString('utf8'))
      if (!validate(value)) throw new InvalidRecordError('schema', faultOf(validate))
      return value as T
    }
  }

  writer(schema: WholeSchema): Writer<T> {
    const validate = this.#compile(schema)
    return {
      prefix: Buffer.alloc(0),
      write(value) {
        if (!validate(value)) throw new TypeError(faultOf(validate))
        return Buffer.from(JSON.stringify(value), 'utf8')
      },
    }
  }

  #compile({ schema, imports }: WholeSchema): Validate {
    const ajv = this.#ajv(schema.text)
    for (const [name, { text }] of imports) ajv.addSchema(JSON.parse(text) as object, name)
    return ajv.compile(JSON.parse(schema.text) as object)
  }

  /** Each schema gets a compiler of its own: versions of one schema have one `$id`. */
  #ajv(text: string): Ajv2020 {
    if (/"\$schema"\s*:\s*"[^"]*draft-0[67]/.test(text)) {
      const { Ajv } = optionalPackage<{ Ajv: new (options: Options) => Ajv2020 }>('JSON Schema serdes', 'ajv')
      return new Ajv(this.#options)
    }
    const { Ajv2020 } = optionalPackage<typeof import('ajv/dist/2020.js')>(
      'JSON Schema serdes',
      'ajv',
      'ajv/dist/2020.js',
    )
    return new Ajv2020(this.#options)
  }
}

function faultOf({ errors }: Validate): string {
  const [first] = (errors ?? []) as readonly ErrorObject[]
  if (first === undefined) return 'the value does not fit the schema'
  return `${first.instancePath === '' ? 'the value' : first.instancePath} ${first.message ?? 'does not fit the schema'}`
}
