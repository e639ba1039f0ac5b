/** The public face of infra/serdes/. */
export {
  IncompatibleSchemaError,
  SchemaRegistryRefusedError,
  SchemaRegistryUnavailableError,
  SerdeNotPreparedError,
  UnknownSchemaError,
} from './errors.ts'
export { type HttpRegistryOptions, HttpSchemaRegistry } from './http-registry.ts'
export { type MemoryRegistryOptions, MemorySchemaRegistry } from './memory-registry.ts'
export type {
  RegisteredSchema,
  Schema,
  SchemaReference,
  SchemaRegistry,
  SchemaType,
} from './schema-registry.ts'
export { type SchemaFormat, type SchemaSerdeOptions, schemaSerde } from './schema-serde.ts'
export {
  type CheckedJsonOptions,
  type StandardSchema,
  standardSchemaSerde,
} from './standard-schema-serde.ts'
export { typeboxSerde } from './typebox-serde.ts'
