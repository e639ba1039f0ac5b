import { createRequire } from 'node:module'
import { MissingPackageError } from '../../state/ports/errors.ts'
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

const require = createRequire(import.meta.url)

/**
 * Loads an optional package. Serdes are synchronous and their packages are CommonJS (or may be required), so that is no import().
 * @throws MissingPackageError
 */
export function optionalPackage<M>(what: string, name: string, entry: string = name): M {
  try {
    return require(entry) as M
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    throw new MissingPackageError(what, [name])
  }
}
