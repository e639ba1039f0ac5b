import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { QueryAnswer, ReadOptions, RowsAnswer, WatchPageOptions } from '../../../runtime/ports/instance.ts'
import { plainJson, plainRow } from '../../../runtime/queries/plain-row.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'
import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import { parseExactJson } from '../../json/index.ts'
import type { RouteContext } from '../application.ts'
import { type LocalRead, type Share, sentShare } from '../cluster/query-router.ts'
import { badRange, badRequest } from '../errors.ts'
import { type FollowedRow, rowEvents } from '../events/row-events.ts'
import { failures, pageOf, streamAnswer } from '../schemas/index.ts'
import {
  keyParams,
  type RowQuery,
  type RowsQuery,
  rowQuery,
  rowSchema,
  rowsQuery,
  type SessionsQuery,
  sessionsQuery,
  storeParams,
  storeSchema,
  type WindowsQuery,
  windowsQuery,
} from '../schemas/stores.ts'
import { sendJson } from '../send-json.ts'
import { keyOfText } from '../stores/key-of-text.ts'
import { mergeParts, type RowsPart } from '../stores/merge-rows.ts'
import { servedStores, specOf } from '../stores/served-store.ts'

/** Reads a key as a URL has it. Throws for a text that is no key. */
export type KeyReader = (text: string) => unknown

interface StoreParams {
  readonly store: string
}

interface KeyParams extends StoreParams {
  readonly key: string
}

type Entry = readonly [key: unknown, stored: unknown]

interface PageQuery {
  readonly limit: number
  readonly cursor?: string
  readonly reverse: boolean
}

/** How a route of pages is described. */
interface PageSchema {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly params: object
  readonly querystring: object
}

/** A request for a page of rows of a store. */
interface AskedPage<P, Q> {
  readonly request: FastifyRequest<{ Params: P; Querystring: Q }>
  readonly reply: FastifyReply
  readonly spec: StoreSpec
  readonly page: PageQuery
}

/** Asks the stores of this process for a page, or a part of one. */
type AskRows<S extends ReadOptions> = (asked: PageQuery & S) => Promise<RowsAnswer<Entry>>

const tags = ['stores']
const answer = { 200: pageOf(rowSchema), ...failures }

/**
 * Routes that answer from any store of the topology, whichever instance has the rows: committed data only, with the records behind in
 * `x-store-lag`.
 * @param keyReaders by store, for keys whose serde has no text form
 */
export function storeRoutes(
  app: FastifyInstance,
  context: RouteContext,
  keyReaders: Readonly<Record<string, KeyReader>>,
): void {
  const { instance, router } = context

  const keyIn = (spec: StoreSpec, text: string): unknown => {
    const reader = Object.hasOwn(keyReaders, spec.name) ? keyReaders[spec.name] : undefined
    if (reader === undefined) return keyOfText(spec.keySerde, spec.name, text)
    try {
      return reader(text)
    } catch (error) {
      throw badRequest(`the key of store ${spec.name} cannot be read: ${(error as Error).message}`)
    }
  }
  const boundIn = (spec: StoreSpec, text: string | undefined) => (text === undefined ? undefined : keyIn(spec, text))

  /** Adds a route that answers with pages of rows. */
  const pageRoute = <P extends StoreParams, Q extends PageQuery>(
    path: string,
    schema: PageSchema,
    answerPage: (asked: AskedPage<P, Q>) => Promise<string>,
  ): void => {
    app.get<{ Params: P; Querystring: Q }>(
      path,
      { config: { hasCursor: true }, schema: { tags, ...schema, response: answer } },
      refusing(async (request, reply) => {
        const { store } = request.params as StoreParams
        const page = pageIn(request.query as PageQuery)
        return await answerPage({ request, reply, spec: specOf(instance, store), page } as AskedPage<P, Q>)
      }),
    )
  }

  /** Adds two routes: one answers with pages of a key's rows, which are all in one partition, the other with a page and its changes. */
  const pageOfKeyRoutes = <Q extends PageQuery>(
    path: string,
    { operationId, summary, description, querystring }: Omit<PageSchema, 'params'>,
    wantedOf: (query: Q) => WatchPageOptions,
    ask: (spec: StoreSpec, key: unknown, wanted: WatchPageOptions) => Promise<RowsAnswer<Entry>>,
  ): void => {
    const pageReader =
      (spec: StoreSpec, key: unknown, wanted: WatchPageOptions) =>
      async ({ allowStale }: Pick<Share, 'allowStale'>): Promise<QueryAnswer<string | null>> => {
        const { result, nextCursor, lag } = await ask(spec, key, { ...wanted, allowStale })
        return { result: plainJson({ rows: result.map((entry) => plainRow(spec, ...entry)), nextCursor }), lag }
      }
    const schema = { operationId, summary, description, params: keyParams, querystring }
    pageRoute<KeyParams, Q>(path, schema, async ({ request, reply, spec, page }) => {
      const key = keyIn(spec, request.params.key)
      const read = pageReader(spec, key, { ...page, ...wantedOf(request.query as Q) })
      return sendJson(reply, await router.one(request, spec.name, key, read, (body) => body), '')
    })
    app.get<{ Params: KeyParams; Querystring: Q }>(
      `${path}/events`,
      {
        exposeHeadRoute: false,
        config: { hasCursor: true, isStream: true },
        schema: {
          tags,
          operationId: operationId.replace('list', 'follow'),
          summary: `${summary}, and their changes`,
          description:
            `${description} The page now, and after every commit that changes it: event \`rows\`. When commits follow quickly, only the last ` +
            'page is sent. The last event is `end` with {"reason": "moved" | "shutdown" | "slow"}: connect again.',
          params: keyParams,
          querystring,
          response: streamAnswer,
        },
      },
      refusing(async (request, reply) => {
        const { params } = request
        const query = request.query as Q
        const spec = specOf(instance, params.store)
        const key = keyIn(spec, params.key)
        const wanted = { ...pageIn(query), ...wantedOf(query) }
        await rowEvents(context, request, reply, {
          store: spec.name,
          key,
          event: 'rows',
          read: (share: ReadOptions = {}) => pageReader(spec, key, wanted)({ allowStale: share.allowStale === true }),
          watch: (onChange) => instance.watchPage(spec.name, key, onChange, wanted),
          otherwise: null,
        })
      }),
    )
  }

  /** A page of all partitions' rows. */
  const pageOfAll = async (
    { request, reply, spec, page }: AskedPage<unknown, unknown>,
    ask: AskRows<Pick<Share, 'allowStale' | 'partitions'>>,
  ): Promise<string> => {
    const read: LocalRead<RowsPart> = async ({ allowStale, partitions }) => {
      const { result, positions, nextCursor, lag } = await ask({ ...page, allowStale, partitions })
      return { result: { rows: result.map((entry) => plainRow(spec, ...entry)), positions, nextCursor }, lag }
    }
    const routed = await router.all(request, spec.name, read, (body) => parseExactJson(body) as RowsPart)
    // Another instance merges its parts with ours.
    const body = sentShare(request) === null ? mergeParts(routed.result, page) : routed.result[0]
    return sendJson(reply, { ...routed, result: plainJson(body) }, '')
  }

  app.get(
    '/stores',
    {
      schema: {
        tags,
        operationId: 'listStores',
        summary: 'The stores of the topology',
        response: { 200: pageOf(storeSchema), ...failures },
      },
    },
    () => ({ rows: servedStores(instance), nextCursor: null }),
  )

  pageRoute<StoreParams, RowsQuery>(
    '/stores/:store/rows',
    {
      operationId: 'listRows',
      summary: 'Rows of a store',
      description:
        'Rows in the order of the store: of a key-value or versioned store by the bytes of their keys, of a window store by the start ' +
        'of the window, of a session store by its end. `from` and `to` are keys, both inclusive, of key-value and versioned stores.',
      params: storeParams,
      querystring: rowsQuery,
    },
    (asked) => {
      const { spec } = asked
      const { from, to } = asked.request.query
      const range = { from: boundIn(spec, from), to: boundIn(spec, to) }
      if (from !== undefined && to !== undefined && isAfter(spec, range.from, range.to)) throw badRange()
      return pageOfAll(asked, (page) => instance.scan(spec.name, { ...range, ...page }))
    },
  )

  const readRow = async (spec: StoreSpec, key: unknown, { asOf, ...share }: ReadOptions & { asOf?: number }) => {
    const { result, lag }: QueryAnswer<unknown> =
      asOf === undefined ? await instance.get(spec.name, key, share) : await instance.asOf(spec.name, key, asOf, share)
    return { result: result === null ? null : plainJson(plainRow(spec, key, result)), lag }
  }

  app.get<{ Params: KeyParams; Querystring: RowQuery }>(
    '/stores/:store/rows/:key',
    {
      schema: {
        tags,
        operationId: 'getRow',
        summary: 'The row of a key',
        description:
          'A row of a key-value or versioned store. `asOf`: the version that was valid then, of versioned stores.',
        params: keyParams,
        querystring: rowQuery,
        response: { 200: rowSchema, ...failures },
      },
    },
    refusing(async (request, reply) => {
      const spec = rowsByKey(specOf(instance, request.params.store))
      const key = keyIn(spec, request.params.key)
      const { asOf } = request.query
      const at = asOf === undefined ? {} : { asOf: timeOf('asOf', asOf) }
      const read: LocalRead<string | null> = ({ allowStale }) => readRow(spec, key, { ...at, allowStale })
      const routed = await router.one(request, spec.name, key, read, (body) => body)
      return sendJson(reply, routed, `store ${spec.name} has no such row`)
    }),
  )

  app.get<{ Params: KeyParams }>(
    '/stores/:store/rows/:key/events',
    {
      exposeHeadRoute: false,
      config: { isStream: true },
      schema: {
        tags,
        operationId: 'followRow',
        summary: 'The row of a key, and its changes',
        description:
          'The row now, and after every commit that changes it: event `row`; its data is `null` while there is no such row. When rows ' +
          'follow quickly, only the last one is sent. The last event is `end` with {"reason": "moved" | "shutdown" | "slow"}: connect again.',
        params: keyParams,
        response: streamAnswer,
      },
    },
    refusing(async (request, reply) => {
      const spec = rowsByKey(specOf(instance, request.params.store))
      const key = keyIn(spec, request.params.key)
      const read = (share: ReadOptions = {}) => readRow(spec, key, { allowStale: share.allowStale === true })
      const watch: FollowedRow['watch'] = (onChange) => instance.watch(spec.name, key, onChange, { isPlain: true })
      await rowEvents(context, request, reply, { store: spec.name, key, event: 'row', read, watch, otherwise: null })
    }),
  )

  pageRoute<StoreParams, WindowsQuery>(
    '/stores/:store/windows',
    {
      operationId: 'listWindows',
      summary: 'Windows of all keys',
      description: 'Rows of all keys of a window store whose windows start from `from` to `to`, both inclusive.',
      params: storeParams,
      querystring: windowsQuery,
    },
    (asked) => {
      const [from, to] = timesOf(asked.request.query)
      return pageOfAll(asked, (page) => instance.fetchAll(asked.spec.name, from, to, page))
    },
  )

  pageOfKeyRoutes<WindowsQuery>(
    '/stores/:store/windows/:key',
    {
      operationId: 'listWindowsOfKey',
      summary: 'Windows of a key',
      description: 'Rows of a key of a window store whose windows start from `from` to `to`, both inclusive.',
      querystring: windowsQuery,
    },
    (query) => {
      const [from, to] = timesOf(query)
      return { from, to }
    },
    async (spec, key, { from = 0, to = 0, ...page }) => {
      const answer = await instance.fetch(spec.name, key, from, to, page)
      const size = spec.kind === 'window' ? spec.windowSizeMs : 0
      const result = answer.result.map(([start, row]) => [{ key, window: { start, end: start + size } }, row] as const)
      return { ...answer, result }
    },
  )

  pageOfKeyRoutes<SessionsQuery>(
    '/stores/:store/sessions/:key',
    {
      operationId: 'listSessionsOfKey',
      summary: 'Sessions of a key',
      description:
        'Sessions of a key of a session store that end at `earliestEnd` or later and start at `latestStart` or earlier.',
      querystring: sessionsQuery,
    },
    ({ earliestEnd, latestStart }) => ({
      ...(earliestEnd !== undefined && { earliestEnd: timeOf('earliestEnd', earliestEnd) }),
      ...(latestStart !== undefined && { latestStart: timeOf('latestStart', latestStart) }),
    }),
    (spec, key, wanted) => instance.sessions(spec.name, key, wanted),
  )
}

/** A question that does not fit the store is the client's fault. */
function refusing<A extends readonly unknown[], R>(handler: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await handler(...args)
    } catch (error) {
      throw error instanceof StreamsConfigError ? badRequest(error.message) : error
    }
  }
}

function pageIn({ limit, cursor, reverse }: PageQuery): PageQuery {
  return { limit, reverse, ...(cursor !== undefined && { cursor }) }
}

/** @throws HttpError 400 for a store whose rows are found by key and window */
function rowsByKey(spec: StoreSpec): StoreSpec {
  const { name, kind } = spec
  if (kind === 'key-value' || kind === 'versioned') return spec
  throw badRequest(`${name} is a ${kind} store: ask /stores/${name}/${kind}s/:key`)
}

/** Both are keys; stores order them by their bytes. */
function isAfter({ name, keySerde }: StoreSpec, a: unknown, b: unknown): boolean {
  const bytes = (key: unknown): Buffer => Buffer.from(keySerde.serialize(name, key) as string)
  return Buffer.compare(bytes(a), bytes(b)) > 0
}

/** @throws HttpError 400 for a range whose ends are the wrong way round */
function timesOf(query: WindowsQuery): readonly [from: number, to: number] {
  const from = query.from === undefined ? 0 : timeOf('from', query.from)
  const to = query.to === undefined ? Number.MAX_SAFE_INTEGER : timeOf('to', query.to)
  if (query.from !== undefined && from > to) throw badRange()
  return [from, to]
}

/** Epoch ms. A `+` of an offset that was not percent-encoded arrives as a space. */
function timeOf(name: string, text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  const instant = text.replace(/ (\d\d:?\d\d)$/, '+$1')
  const ms = /(Z|[+-]\d\d:?\d\d)$/.test(instant) ? Date.parse(instant) : Number.NaN
  if (Number.isNaN(ms)) throw badRequest(`${name} must be epoch ms, or ISO 8601 with Z or an offset`)
  return ms
}
