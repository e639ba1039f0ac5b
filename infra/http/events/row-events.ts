import type { FastifyReply, FastifyRequest } from 'fastify'
import { isUnavailable, type QueryAnswer, type ReadOptions, type RowWatch } from '../../../runtime/ports/instance.ts'
import type { RouteContext } from '../application.ts'
import { MIN_OFFSET_HEADER } from '../cluster/min-offset.ts'
import { ROLE_HEADER } from '../cluster/peer-headers.ts'
import { notFound } from '../errors.ts'
import { LiveState } from './live-state.ts'

/** A row, or a page of the rows of a key. */
export interface FollowedRow {
  readonly store: string
  readonly key: unknown
  /** Name of its event. */
  readonly event: string
  /** Reads it as its events show it. */
  readonly read: (options?: ReadOptions) => Promise<QueryAnswer<string | null>>
  /** Watches it in this process. */
  readonly watch: (onChange: (row: QueryAnswer<string | null>) => void) => Promise<RowWatch>
  /** Words of the 404 when there is no row; null: the stream begins with `null` then. */
  readonly otherwise: string | null
}

/** Answers with a row, or a page, as server-sent events: as it is now, and after every commit that changes it, from the instance that has it. */
export async function rowEvents(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  row: FollowedRow,
): Promise<void> {
  const { router, subscribers } = context
  const { store, key } = row
  await subscribers.opening(async () => {
    const host = router.owner(request, store, key)
    if (host === null) return await eventsFromHere(context, request, reply, row)
    const body = await router.stream(request, store, key, host)
    const opened = subscribers.open(request, reply, {
      headers: {},
      isPassedOn: true,
      onClosed: () => body.destroy(),
    })
    body.on('data', (chunk: Buffer) => opened.write(chunk))
    body.on('end', () => opened.finish())
    body.on('error', () => opened.end('moved'))
  })
}

/** For a row whose task this process runs. */
async function eventsFromHere(
  { router, subscribers }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { store, key, event, read, watch: follow, otherwise }: FollowedRow,
): Promise<void> {
  // Called only to wait for the requested offset.
  if (request.headers[MIN_OFFSET_HEADER] !== undefined) await router.one(request, store, key, read, (body) => body)
  let live: LiveState | null = null
  let latest: QueryAnswer<string | null> | null = null
  const show = ({ result }: QueryAnswer<string | null>): void => {
    if (result !== null) live?.set(result)
    else if (otherwise === null) live?.set('null')
  }
  const watch = await follow((row) => {
    latest = row
    show(row)
  })
  const first: QueryAnswer<string | null> = latest ?? watch.first
  if (first.result === null && otherwise !== null) {
    watch.close()
    throw notFound(otherwise)
  }
  latest ??= first
  /** A replaced thread has lost the watches of the dead one. */
  const isWatched = async (): Promise<boolean> => {
    try {
      const before = latest
      const { result } = await read()
      return result === latest?.result || before !== latest
    } catch (error) {
      // The store restores, or has moved, which ends the watch. Any other error ends the stream, and the next stream meets it.
      return isUnavailable(error)
    }
  }
  const opened = subscribers.open(request, reply, {
    headers: { 'x-store-lag': String(first.lag), [ROLE_HEADER]: 'active' },
    onClosed: () => watch.close(),
    onBeat: () => void isWatched().then((holds) => holds || opened.end('moved')),
  })
  live = new LiveState(opened, event)
  show(first)
  void watch.ended.then(() => opened.end('moved'))
}
