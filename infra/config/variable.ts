import type { Kind } from './types.ts'

/** One environment variable. A default of null means that unset has its own meaning, which `about` explains. */
export interface Variable<T, D> {
  readonly env: string
  readonly kind: Kind<T>
  readonly fallback: D
  /** One sentence for docs/configuration.md. */
  readonly about: string
  /** Never shown in errors or logs. */
  readonly secret?: boolean
}

export const variable = <T, const D extends T | null>(
  env: string,
  kind: Kind<T>,
  fallback: D,
  about: string,
  secret = false,
): Variable<T, D> => ({ env, kind, fallback, about, secret })

/** Variables by the names of their values in a configuration. */
export type VariableTable = Readonly<Record<string, Variable<unknown, unknown>>>

type ValueOf<V> = V extends Variable<infer T, infer D> ? (null extends D ? T | null : T) : never

/** The values that a table reads from an environment. */
export type ValuesOf<T> = { readonly [Name in keyof T]: ValueOf<T[Name]> }
