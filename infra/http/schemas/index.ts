/**
 * The public face of infra/http/schemas/: shapes of requests and answers that routes have in common (docs/queries.md). They validate
 * the former, and /openapi.json shows both.
 */
import type { TSchema } from 'typebox'
import { Type } from '../../../topology/json-schema/index.ts'
import { MAX_CURSOR } from '../cursor.ts'

export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** GET /tasks: one for each task of the instance. */
export const taskSchema = Type.Object({
  taskId: Type.String({ description: '<subtopology>_<partition>' }),
  state: Type.Enum(['restoring', 'running', 'standby']),
  thread: Type.Integer({ description: 'Stream thread index' }),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      position: Type.Integer(),
      endOffset: Type.Integer(),
      heldBack: Type.Integer(),
    }),
  ),
  restore: Type.Array(
    Type.Object({
      store: Type.String(),
      partition: Type.Integer(),
      remaining: Type.Integer(),
      total: Type.Integer(),
      recordsPerSecond: Type.Number(),
    }),
  ),
})

/** GET /lag: one for each input partition of the tasks of the instance. */
export const partitionLagSchema = Type.Object({
  topic: Type.String(),
  partition: Type.Integer(),
  position: Type.Integer(),
  endOffset: Type.Integer(),
  lag: Type.Integer(),
  heldBack: Type.Integer(),
})

export const lagSchema = Type.Object({
  rows: Type.Array(partitionLagSchema),
  nextCursor: Type.Null(),
  total: Type.Integer(),
})

export const errorSchema = Type.Object({ error: Type.Object({ code: Type.String(), message: Type.String() }) })

/** A list answer. */
export const pageOf = <S extends TSchema>(rows: S) =>
  Type.Object({ rows: Type.Array(rows), nextCursor: nullable(Type.String()) })

export const pageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 50,
    description: 'The most rows that one answer may have',
  }),
  cursor: Type.Optional(Type.String({ maxLength: MAX_CURSOR, description: 'nextCursor of the previous page' })),
}

/** Documented failures of every route that reads a store. */
export const failures = { 400: errorSchema, 401: errorSchema, 404: errorSchema, 414: errorSchema, 503: errorSchema }

/** Answers of a route that sends server-sent events. */
export const streamAnswer = {
  200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: Type.String() } } },
  ...failures,
}
