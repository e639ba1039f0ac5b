import type { Schema } from './schema-registry.ts'

/** A schema with all that it imports, by the names of its imports. */
export interface WholeSchema {
  readonly schema: Schema
  readonly imports: ReadonlyMap<string, Schema>
}

/** Writes values behind the schema id. */
export interface Writer<T> {
  /** Bytes between the id and the value: the place of the message in its file for protobuf, none for other formats. */
  readonly prefix: Buffer
  /** @throws an error that says what does not fit */
  write(value: T): Buffer
}

/** Reads the bytes behind the schema id. @throws InvalidRecordError, or any error for bytes that do not fit */
export type Read<T> = (bytes: Buffer) => T

/** A schema language. Both methods compile, which is slow, and throw when the schema is none. */
export interface Format<T> {
  /** @param wanted the schema of the serde; null: values are as their writer's schema says */
  reader(written: WholeSchema, wanted: WholeSchema | null): Read<T>
  writer(schema: WholeSchema): Writer<T>
}
