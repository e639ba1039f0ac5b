import { InvalidRecordError, messageOf, StreamsConfigError } from '../../state/ports/errors.ts'
import { type Header, type Headers, lastHeader } from '../../state/ports/headers.ts'
import type { Serde, SerdeUse } from '../../state/ports/serde.ts'
import { AvroFormat, type AvroOptions } from './avro-format.ts'
import { SerdeNotPreparedError, UnknownSchemaError } from './errors.ts'
import type { Format, Read, WholeSchema, Writer } from './format.ts'
import { JsonSchemaFormat, type JsonSchemaOptions } from './json-format.ts'
import { ProtobufFormat } from './protobuf-format.ts'
import { identified, idOf, type SchemaId, writeId } from './schema-id.ts'
import {
  importsOf,
  latestVersion,
  type RegisteredSchema,
  type Schema,
  type SchemaReference,
  type SchemaRegistry,
  type SchemaType,
} from './schema-registry.ts'

export type SchemaFormat = 'avro' | 'protobuf' | 'json-schema'

export interface SchemaSerdeOptions {
  readonly format: SchemaFormat
  /**
   * Schema that the serde writes and that its values have after reading: an object (Avro, JSON Schema) or its text. Default: it writes
   * with the subject's latest version, and values are as the schema they were written with says.
   */
  readonly schema?: string | object | undefined
  /** Schemas that `schema` imports. */
  readonly references?: readonly SchemaReference[] | undefined
  /** The serde is for keys: subjects end in `-key`, not `-value`. */
  readonly isKey?: boolean | undefined
  /** Subject of a topic. Default: Confluent's TopicNameStrategy, `<topic>-value`. */
  readonly subject?: string | ((topic: string) => string) | undefined
  /** Registers `schema` where its subject does not have it yet (auto.register.schemas). False: it must be there. Default true. */
  readonly autoRegister?: boolean | undefined
  /**
   * Where records say what schema they have: before the value, or in a header, by the schema's GUID (the registry must have GUIDs, as
   * Confluent's has since 8.0). Both are read. Rows of stores have no headers, and say it before the value. Default `prefix`.
   */
  readonly schemaIds?: 'prefix' | 'header' | undefined
  /** Protobuf: full name of the message that is written. Default: the first of the file. */
  readonly messageName?: string | undefined
  /** Avro: options of avsc's Type.forSchema, such as `logicalTypes` and `wrapUnions`. */
  readonly avro?: AvroOptions | undefined
  /** JSON Schema: options of ajv. */
  readonly jsonSchema?: JsonSchemaOptions | undefined
}

const TYPES: Readonly<Record<SchemaFormat, SchemaType>> = { avro: 'AVRO', protobuf: 'PROTOBUF', 'json-schema': 'JSON' }
/** Ids that are no schema of ours are remembered up to this number: anybody may write any id into a topic. */
const MOST_FAULTS = 1000
const REQUESTS_AT_ONCE = 8
const KEY_HEADER = '__key_schema_id'
const VALUE_HEADER = '__value_schema_id'

interface ReadyWriter<T> extends Writer<T> {
  /** Everything before the value, where no header says it. */
  readonly head: Buffer
  /** Says the schema; null: nothing is written to headers. */
  readonly header: Header | null
}

/**
 * A serde of Confluent's wire format: a 0, the id of the schema in 4 bytes, the value; or the GUID of the schema in a header. Schemas come from the registry before records are
 * processed (Serde.prepare, Serde.prepareRecords); reading and writing ask nobody.
 * @throws MissingPackageError when the package of the format is not installed (avsc, protobufjs, ajv)
 */
export function schemaSerde<T>(registry: SchemaRegistry, options: SchemaSerdeOptions): Serde<T> {
  return new SchemaSerde<T>(registry, options)
}

/*
 * Owns what is compiled from the schemas of a registry for one serde.
 * 1. A schema is compiled once, when it is prepared: never while a record is read or written.
 * 2. An id that is no schema of this serde fails the records that have it, and is asked for again with the next of them.
 * 3. Bytes have no id before the value exactly where the headers that they are written with have it: rows of stores have no headers, and a
 *    serde around this one may write none.
 */
class SchemaSerde<T> implements Serde<T> {
  readonly name: string
  readonly #registry: SchemaRegistry
  readonly #options: SchemaSerdeOptions
  readonly #format: Format<T>
  /** Own schema; null: the serde takes the registry's. */
  readonly #schema: Schema | null
  #wanted: WholeSchema | null = null
  readonly #header: string
  readonly #readers = new Map<SchemaId, Read<T>>()
  readonly #faults = new Map<SchemaId, Error>()
  readonly #writers = new Map<string, ReadyWriter<T>>()
  /** For topics that no plan names: a topic chosen record by record, a name inside a foreign key join. */
  #firstWriter: ReadyWriter<T> | null = null

  constructor(registry: SchemaRegistry, options: SchemaSerdeOptions) {
    this.name = `of ${options.format} schemas`
    this.#registry = registry
    this.#options = options
    this.#format = formatOf<T>(options)
    this.#schema = ownSchema(options)
    this.#header = options.isKey === true ? KEY_HEADER : VALUE_HEADER
    const { schemaIds = 'prefix' } = options
    if (schemaIds !== 'prefix' && schemaIds !== 'header')
      throw new StreamsConfigError(`schemaIds must be prefix or header, not ${String(schemaIds)}`)
  }

  /** Invariant 3. */
  serialize(topic: string, value: T, headers?: Headers): Buffer {
    const { header, head, write } = this.#writer(topic)
    const said = header === null || headers === undefined ? undefined : lastHeader(headers, this.#header)
    const bytes = write(value)
    return header?.value != null && said?.equals(header.value) === true ? bytes : Buffer.concat([head, bytes])
  }

  deserialize(_topic: string, bytes: Buffer, headers?: Headers): T {
    const { id, body } = identified(this.#header, bytes, headers)
    const read = this.#readers.get(id)
    if (read !== undefined) return read(body)
    throw new InvalidRecordError('schema', messageOf(this.#faults.get(id) ?? `schema ${id} was not prepared`))
  }

  /** Invariant 3. */
  writtenHeaders(topic: string, headers: Headers): Headers {
    const { header } = this.#writer(topic)
    const others = this.keptHeaders(headers)
    return header === null ? others : [...others, header]
  }

  /** An id that is read belongs to the bytes that were read: those that are written have another one. */
  keptHeaders(headers: Headers): Headers {
    if (lastHeader(headers, this.#header) === undefined) return headers
    return [...headers].filter(({ key }) => key !== this.#header)
  }

  #writer(topic: string): ReadyWriter<T> {
    const writer = this.#writers.get(topic) ?? this.#firstWriter
    if (writer === null) throw new SerdeNotPreparedError(topic)
    return writer
  }

  async prepare(topic: string, use: SerdeUse): Promise<void> {
    const subject = this.#subjectOf(topic)
    if (use !== 'read') await this.#prepareWriter(topic, subject)
    if (use === 'write') return
    // Rows were written under this subject, in any of its versions.
    for (const version of await this.#registry.versions(subject)) {
      const { id, guid } = await this.#registry.version(subject, version)
      if (!this.#readers.has(id)) await this.#prepareReader(id)
      const read = this.#readers.get(id)
      if (guid !== undefined && read !== undefined) this.#readers.set(guid, read)
    }
  }

  prepareRecords(_topic: string, records: readonly Buffer[], headers?: readonly Headers[]): Promise<void> | null {
    let missing: Set<SchemaId> | null = null
    for (const [i, bytes] of records.entries()) {
      const id = idOf(this.#header, bytes, headers?.[i])
      if (id === null || this.#readers.has(id)) continue
      missing ??= new Set()
      missing.add(id)
    }
    return missing === null ? null : this.#prepareReaders([...missing])
  }

  async #prepareReaders(ids: readonly SchemaId[]): Promise<void> {
    for (let i = 0; i < ids.length; i += REQUESTS_AT_ONCE) {
      await Promise.all(ids.slice(i, i + REQUESTS_AT_ONCE).map((id) => this.#prepareReader(id)))
    }
  }

  /** Invariant 2. @throws SchemaRegistryUnavailableError */
  async #prepareReader(id: SchemaId): Promise<void> {
    try {
      const schema = await this.#schemaOf(id)
      const { format } = this.#options
      if (schema.type !== TYPES[format])
        throw new InvalidRecordError('schema', `schema ${id} is ${schema.type}, and the serde reads ${TYPES[format]}`)
      const written = await this.#whole(schema)
      if (this.#schema !== null) this.#wanted ??= await this.#whole(this.#schema)
      this.#readers.set(
        id,
        this.#compiled(`schema ${id} cannot be read`, () => this.#format.reader(written, this.#wanted)),
      )
      this.#faults.delete(id)
    } catch (error) {
      if (!(error instanceof InvalidRecordError || error instanceof UnknownSchemaError)) throw error
      if (this.#faults.size >= MOST_FAULTS) this.#faults.clear()
      this.#faults.set(id, error)
    }
  }

  async #schemaOf(id: SchemaId): Promise<Schema> {
    if (typeof id === 'number') return await this.#registry.schema(id)
    if (this.#registry.schemaOfGuid !== undefined) return await this.#registry.schemaOfGuid(id)
    throw new UnknownSchemaError(`the schema registry knows no GUIDs, and the record has ${id}`)
  }

  /** @throws IncompatibleSchemaError, UnknownSchemaError, SchemaRegistryRefusedError, SchemaRegistryUnavailableError, StreamsConfigError */
  async #prepareWriter(topic: string, subject: string): Promise<void> {
    if (this.#writers.has(topic)) return
    const { id, ...schema } = await this.#registered(subject)
    const whole = await this.#whole(schema)
    let writer: Writer<T>
    try {
      writer = this.#format.writer(whole)
    } catch (error) {
      throw new StreamsConfigError(`subject ${subject}: its schema cannot be used: ${messageOf(error)}`, {
        cause: error,
      })
    }
    const ready: ReadyWriter<T> = {
      prefix: writer.prefix,
      write: (value) => writer.write(value),
      head: Buffer.concat([writeId(id), writer.prefix]),
      header: await this.#headerOf(subject, schema, writer.prefix),
    }
    this.#writers.set(topic, ready)
    this.#firstWriter ??= ready
    if (!this.#readers.has(id)) await this.#prepareReader(id)
  }

  /** null: the serde writes none. */
  async #headerOf(subject: string, schema: Schema, prefix: Buffer): Promise<Header | null> {
    if (this.#options.schemaIds !== 'header') return null
    const guid = (await this.#registry.guidOf?.(subject, schema)) ?? null
    if (guid === null)
      throw new StreamsConfigError(
        `subject ${subject}: schemaIds 'header' needs GUIDs, and the schema registry has none: use 'prefix'`,
      )
    return { key: this.#header, value: Buffer.concat([writeId(guid), prefix]) }
  }

  async #registered(subject: string): Promise<RegisteredSchema> {
    const schema = this.#schema
    if (schema === null) {
      const latest = await latestVersion(this.#registry, subject)
      if (latest !== null) return latest
      throw new UnknownSchemaError(`subject ${subject} has no schema, and the serde was given none`)
    }
    const { autoRegister = true } = this.#options
    const id = await (autoRegister ? this.#registry.register(subject, schema) : this.#registry.lookup(subject, schema))
    return { ...schema, id }
  }

  async #whole(schema: Schema): Promise<WholeSchema> {
    return { schema, imports: await importsOf(this.#registry, schema) }
  }

  #compiled<R>(what: string, compile: () => R): R {
    try {
      return compile()
    } catch (error) {
      throw new InvalidRecordError('schema', `${what}: ${messageOf(error)}`)
    }
  }

  #subjectOf(topic: string): string {
    const { subject, isKey = false } = this.#options
    if (subject === undefined) return `${topic}-${isKey ? 'key' : 'value'}`
    return typeof subject === 'string' ? subject : subject(topic)
  }
}

function formatOf<T>({ format, avro, jsonSchema, messageName }: SchemaSerdeOptions): Format<T> {
  switch (format) {
    case 'avro':
      return new AvroFormat(avro)
    case 'json-schema':
      return new JsonSchemaFormat(jsonSchema)
    case 'protobuf':
      return new ProtobufFormat(messageName)
    default:
      throw new StreamsConfigError(`format must be avro, protobuf or json-schema, not ${String(format)}`)
  }
}

function ownSchema({ format, schema, references = [] }: SchemaSerdeOptions): Schema | null {
  if (schema === undefined) return null
  if (typeof schema !== 'string' && format === 'protobuf')
    throw new StreamsConfigError('a protobuf schema must be the text of a .proto file')
  return { type: TYPES[format], text: typeof schema === 'string' ? schema : JSON.stringify(schema), references }
}
