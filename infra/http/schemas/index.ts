/**
 * The public face of infra/http/schemas/: shapes of requests and answers that routes have in common (docs/queries.md). They validate
 * the former, and /openapi.json shows both.
 */
import type { TSchema } from 'typebox'
import { Type } from '../../../topology/json-schema/index.ts'
import { MAX_CURSOR } from '../cursor.ts'

export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** GET /tasks: one for each task of the instance. */
export const taskSchema = Type.Object(
  {
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
  },
  { title: 'Task' },
)

const aboutPosition = { description: 'Offset of the next record that the task takes' }

/** GET /lag: one for each input partition of the tasks of the instance. */
export const partitionLagSchema = Type.Object(
  {
    topic: Type.String(),
    partition: Type.Integer(),
    position: Type.Integer(aboutPosition),
    endOffset: Type.Integer(),
    lag: Type.Integer({ description: 'Records from the position to the end' }),
    heldBack: Type.Integer({ description: 'Records that were taken and are held back by a window' }),
  },
  {
    title: 'PartitionLag',
    examples: [{ topic: 'trip.requested', partition: 0, position: 1200, endOffset: 1204, lag: 4, heldBack: 0 }],
  },
)

export const lagSchema = Type.Object(
  {
    rows: Type.Array(partitionLagSchema),
    nextCursor: Type.Null(),
    total: Type.Integer({ description: 'Sum of the lags' }),
  },
  { title: 'Lag' },
)

export const liveSchema = Type.Object(
  { status: Type.Enum(['live', 'down']), state: Type.String({ examples: ['RUNNING'] }) },
  { title: 'Live' },
)

export const readySchema = Type.Object(
  {
    status: Type.Enum(['ready', 'not ready']),
    state: Type.String({ examples: ['RUNNING'] }),
    restoringTasks: Type.Integer(),
    silentBrokers: Type.Array(Type.String(), { description: 'Brokers that have not answered for some seconds' }),
  },
  { title: 'Ready' },
)

export const topologySchema = Type.Object(
  {
    subtopologies: Type.Array(Type.Unknown()),
    globalStores: Type.Array(Type.Unknown()),
    repartitionTopics: Type.Array(Type.Unknown()),
  },
  { title: 'Topology' },
)

export const errorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'Stable' }),
      message: Type.String({ description: 'For people' }),
    }),
  },
  { title: 'Error', examples: [{ error: { code: 'BAD_REQUEST', message: 'from must not be after to' } }] },
)

/** A list answer. A named schema of rows gives it a name. */
export const pageOf = <S extends TSchema>(rows: S) => {
  const { title } = rows as { readonly title?: string }
  return Type.Object(
    { rows: Type.Array(rows), nextCursor: nullable(Type.String({ description: 'null: this is the last page' })) },
    title === undefined ? {} : { title: `${title}Page` },
  )
}

export const pageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 50,
    description: 'The most rows that one answer may have',
    examples: [50],
  }),
  cursor: Type.Optional(Type.String({ maxLength: MAX_CURSOR, description: 'nextCursor of the previous page' })),
}

/** Documented failures of every route that needs the token. */
export const refusals = { 401: errorSchema, 414: errorSchema, 503: errorSchema }

/** Documented failures of every route that reads a store. */
export const failures = { ...refusals, 400: errorSchema, 404: errorSchema }

/** Answers of a route that sends server-sent events. */
export const streamAnswer = {
  200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: Type.String() } } },
  ...failures,
}
