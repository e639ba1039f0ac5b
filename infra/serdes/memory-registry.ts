import { createHash } from 'node:crypto'
import { IncompatibleSchemaError, UnknownSchemaError } from './errors.ts'
import { guidOf } from './schema-id.ts'
import type { RegisteredSchema, Schema, SchemaRegistry } from './schema-registry.ts'

export interface MemoryRegistryOptions {
  /** Says why a subject must not get this schema after that one; null: it may. Default: it may. */
  readonly refusal?: (schema: Schema, latest: RegisteredSchema, subject: string) => string | null
}

/** A schema registry in memory, for tests of topologies: no network, and no compatibility rules but the test's own. */
export class MemorySchemaRegistry implements SchemaRegistry {
  readonly #options: MemoryRegistryOptions
  /** Position = id - 1. */
  readonly #schemas: Schema[] = []
  readonly #subjects = new Map<string, number[]>()

  constructor(options: MemoryRegistryOptions = {}) {
    this.#options = options
  }

  get subjects(): readonly string[] {
    return [...this.#subjects.keys()]
  }

  async schema(id: number): Promise<Schema> {
    return this.#schema(id)
  }

  async versions(subject: string): Promise<readonly number[]> {
    return (this.#subjects.get(subject) ?? []).map((_id, i) => i + 1)
  }

  async version(subject: string, version: number): Promise<RegisteredSchema> {
    const id = this.#subjects.get(subject)?.[version - 1]
    if (id === undefined)
      throw new UnknownSchemaError(`the schema registry has no version ${version} of subject ${subject}`)
    const schema = this.#schema(id)
    return { ...schema, id, guid: guidOfSchema(schema) }
  }

  async schemaOfGuid(guid: string): Promise<Schema> {
    const schema = this.#schemas.find((one) => guidOfSchema(one) === guid)
    if (schema === undefined) throw new UnknownSchemaError(`the schema registry has no schema ${guid}`)
    return schema
  }

  async guidOf(subject: string, schema: Schema): Promise<string> {
    return guidOfSchema(this.#schema(await this.lookup(subject, schema)))
  }

  async lookup(subject: string, schema: Schema): Promise<number> {
    const id = this.#idOf(schema)
    if (id === null || this.#subjects.get(subject)?.includes(id) !== true)
      throw new UnknownSchemaError(`the schema is not registered under subject ${subject} (autoRegister is off)`)
    return id
  }

  async register(subject: string, schema: Schema): Promise<number> {
    const ids = this.#subjects.get(subject) ?? []
    const known = this.#idOf(schema)
    if (known !== null && ids.includes(known)) return known
    const latest = ids.at(-1)
    if (latest !== undefined) {
      const refusal = this.#options.refusal?.(schema, { ...this.#schema(latest), id: latest }, subject) ?? null
      if (refusal !== null) throw new IncompatibleSchemaError(subject, ids.length, refusal)
    }
    const id = known ?? this.#schemas.push(schema)
    this.#subjects.set(subject, [...ids, id])
    return id
  }

  #schema(id: number): Schema {
    const schema = this.#schemas[id - 1]
    if (schema === undefined) throw new UnknownSchemaError(`the schema registry has no schema ${id}`)
    return schema
  }

  /** One schema has one id under all subjects. */
  #idOf({ type, text, references }: Schema): number | null {
    const own = contentOf({ type, text, references })
    const i = this.#schemas.findIndex((other) => contentOf(other) === own)
    return i < 0 ? null : i + 1
  }
}

function contentOf({ type, text, references }: Schema): string {
  return JSON.stringify([type, text, references])
}

/** A schema has the same one in every registry. */
function guidOfSchema(schema: Schema): string {
  return guidOf(createHash('sha256').update(contentOf(schema)).digest())
}
