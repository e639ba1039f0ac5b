import type { Header, Headers } from '../../state/ports/headers.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'

/** The context of a record being processed. */
export interface Moment {
  readonly streamTime: number
  readonly recordTimestamp: number
  readonly headers: readonly Header[]
}

/**
 * A kind of store beside a naive model of it. The model is a plain value that `structuredClone` copies; everything
 * the store answers must equal what the model answers, after every step.
 */
export interface ModelledKind<Model, Op> {
  readonly title: string
  readonly spec: StoreSpec
  empty(): Model
  /** Does the operation to both and returns both answers. */
  apply(store: ManagedStore, model: Model, op: Op, moment: Moment): { actual: unknown; expected: unknown }
  /** Everything that can be read while processing, from both. */
  dump(store: ManagedStore, model: Model, moment: Moment): { actual: unknown; expected: unknown }
  /** Everything queries can read, from both. */
  committed(store: ManagedStore, model: Model, moment: Moment): Promise<{ actual: unknown; expected: unknown }>
}

export const plainHeaders = (headers: Headers | undefined): Array<[string, string | null]> =>
  Array.from(headers ?? [], ({ key, value }) => [key, value === null ? null : value.toString('latin1')])

export const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
