import type { Kind } from './types.ts'

/** One setting: an environment variable, and the name of its value in code is its key in the table. */
export interface Variable<T, D, Given = T> {
  readonly env: string
  readonly kind: Kind<T, Given>
  /** null: unset has its own meaning, which `about` explains. */
  readonly fallback: D
  /** One sentence for docs/configuration.md. */
  readonly about: string
  /** Never shown in errors or logs. */
  readonly secret?: boolean
  /** Name of the setting of Kafka Streams, or of its clients, with that meaning. */
  readonly kafka?: string
}

export const variable = <T, const D extends T | null, Given>(
  env: string,
  kind: Kind<T, Given>,
  fallback: D,
  about: string,
  more: { readonly secret?: boolean; readonly kafka?: string } = {},
): Variable<T, D, Given> => ({ env, kind, fallback, about, ...more })

/** Variables by the names of their values in a configuration. A name with a dot is a member of a group: `tls.ca`. */
export type VariableTable = Readonly<Record<string, Variable<unknown, unknown, unknown>>>

type ValueOf<V> = V extends Variable<infer T, infer D, infer _> ? (null extends D ? T | null : T) : never
type GivenOf<V> = V extends Variable<infer _, infer D, infer Given> ? Given | (null extends D ? null : never) : never

/** The values that a table reads from an environment. */
export type ValuesOf<T> = { readonly [Name in keyof T]: ValueOf<T[Name]> }

/** The values of a table that code may give; undefined counts as not given. */
export type GivenValues<T> = { readonly [Name in keyof T]?: GivenOf<T[Name]> | undefined }
