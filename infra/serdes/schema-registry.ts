/** Formats of schemas, under the names of the registry's API. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

/** A schema that another one imports, under the name that it uses. */
export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

export interface Schema {
  readonly type: SchemaType
  readonly text: string
  readonly references: readonly SchemaReference[]
}

export interface RegisteredSchema extends Schema {
  readonly id: number
  /** Registries before Confluent's 8.0, and others, have none. */
  readonly guid?: string | undefined
}

/**
 * A schema registry as serdes need it. Each question may be asked often: implementations keep what never changes (ids and versions).
 * All reject with SchemaRegistryUnavailableError when the registry cannot answer now.
 */
export interface SchemaRegistry {
  /** @throws UnknownSchemaError when the registry says that there is no such id */
  schema(id: number): Promise<Schema>
  /** The numbers of a subject's versions, in order; none: there is no such subject. */
  versions(subject: string): Promise<readonly number[]>
  /** @throws UnknownSchemaError */
  version(subject: string, version: number): Promise<RegisteredSchema>
  /** The id of exactly this schema under the subject. @throws UnknownSchemaError, SchemaRegistryRefusedError */
  lookup(subject: string, schema: Schema): Promise<number>
  /** The schema of a GUID, which clients may send in headers. Absent: the registry knows no GUIDs. @throws UnknownSchemaError */
  schemaOfGuid?(guid: string): Promise<Schema>
  /** The GUID of exactly this schema under the subject; null: the registry gives none. Absent: the same. @throws UnknownSchemaError */
  guidOf?(subject: string, schema: Schema): Promise<string | null>
  /** Adds the schema if the subject does not have it, and returns its id. @throws IncompatibleSchemaError, SchemaRegistryRefusedError */
  register(subject: string, schema: Schema): Promise<number>
}

/** The latest version of a subject. @throws what the registry rejects with; null: there is none */
export async function latestVersion(registry: SchemaRegistry, subject: string): Promise<RegisteredSchema | null> {
  const latest = (await registry.versions(subject)).at(-1)
  return latest === undefined ? null : await registry.version(subject, latest)
}

/** The texts of all schemas that this one imports, directly or not, by the names in their imports; imported ones first. */
export async function importsOf(registry: SchemaRegistry, schema: Schema): Promise<ReadonlyMap<string, Schema>> {
  const found = new Map<string, Schema>()
  const visit = async ({ references }: Schema): Promise<void> => {
    for (const { name, subject, version } of references) {
      if (found.has(name)) continue
      const imported = await registry.version(subject, version)
      await visit(imported)
      found.set(name, imported)
    }
  }
  await visit(schema)
  return found
}
