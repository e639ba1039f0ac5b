import type { Static } from 'typebox'
import { Type } from '../../../topology/json-schema/index.ts'
import { nullable, pageQuery } from './index.ts'

/* Shapes of the routes of stores (docs/serving.md). */

export const storeSchema = Type.Object(
  {
    name: Type.String(),
    kind: Type.Enum(['key-value', 'window', 'session', 'versioned']),
    isGlobal: Type.Boolean(),
    keySerde: Type.String({ description: 'Name of the serde, `other` when it has none' }),
    valueSerde: Type.String(),
    windowSizeMs: nullable(Type.Integer()),
    retentionMs: nullable(Type.Integer()),
  },
  {
    title: 'Store',
    examples: [
      {
        name: 'counts',
        kind: 'window',
        isGlobal: false,
        keySerde: 'string',
        valueSerde: 'int64',
        windowSizeMs: 60_000,
        retentionMs: 3_600_000,
      },
    ],
  },
)

export const rowSchema = Type.Object(
  {
    key: Type.Unknown({ description: 'As the key serde returns it; bytes as base64' }),
    window: Type.Optional(
      Type.Object(
        { start: Type.Integer(), end: Type.Integer() },
        { description: 'Of rows of window and session stores, epoch ms' },
      ),
    ),
    value: Type.Unknown({ description: 'As the value serde returns it; bytes as base64' }),
    timestamp: Type.Optional(Type.Integer({ description: 'Epoch ms; stores without timestamps have none' })),
    validTo: Type.Optional(nullable(Type.Integer({ description: 'Of rows of versioned stores, epoch ms' }))),
    headers: Type.Optional(Type.Array(Type.Unknown())),
  },
  { title: 'Row', examples: [{ key: 'tea', window: { start: 0, end: 60_000 }, value: 2, timestamp: 1500 }] },
)

const store = Type.String({ minLength: 1, description: 'Name of the store', examples: ['counts'] })

export const storeParams = Type.Object({ store })

export const keyParams = Type.Object({
  store,
  key: Type.String({
    minLength: 1,
    description:
      'Strings, UUIDs and JSON as their text, numbers as decimals, a windowed key as JSON {"key", "window": {"start", "end"}}, keys of ' +
      'other serdes as the base64 of their bytes',
    examples: ['tea'],
  }),
})

const page = { ...pageQuery, reverse: Type.Boolean({ default: false, description: 'Begin at the end of the order' }) }
const time = (description: string) =>
  Type.Optional(
    Type.String({
      description: `${description} Epoch ms, or ISO 8601 with Z or an offset`,
      examples: ['2019-03-01T10:00:00Z'],
    }),
  )
const key = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

export const rowsQuery = Type.Object({ from: key('First key, inclusive'), to: key('Last key, inclusive'), ...page })
export type RowsQuery = Static<typeof rowsQuery>

export const rowQuery = Type.Object({ asOf: time('The version that was valid then.') })
export type RowQuery = Static<typeof rowQuery>

export const windowsQuery = Type.Object({
  from: time('Start of the first window.'),
  to: time('Start of the last window.'),
  ...page,
})
export type WindowsQuery = Static<typeof windowsQuery>

export const sessionsQuery = Type.Object({
  earliestEnd: time('Sessions that end then or later.'),
  latestStart: time('Sessions that start then or earlier.'),
  ...page,
})
export type SessionsQuery = Static<typeof sessionsQuery>
