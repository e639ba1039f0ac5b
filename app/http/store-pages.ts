import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type LocalRead,
  mergePages,
  type Page,
  type PageRequest,
  ROLE_HEADER,
  type RouteContext,
  readPage,
} from '../../infra/http/index.ts'
import { parseExactJson } from '../../infra/json/index.ts'

/** Answers with pages of a store in the order of its keys, over all instances. */
export class StorePages {
  readonly #context: Pick<RouteContext, 'instance' | 'router'>

  constructor(context: Pick<RouteContext, 'instance' | 'router'>) {
    this.#context = context
  }

  /** `keyOf`: the key of a row that another instance sent. Amounts of money stay exact: nothing is added. */
  async page<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    page: Omit<PageRequest<T>, 'share'>,
    keyOf: (row: T) => string,
  ): Promise<Page<T>> {
    const { instance, router } = this.#context
    const { store, limit } = page
    const read: LocalRead<Page<T>> = (share) => readPage(instance, { ...page, share })
    const { result, lag, role } = await router.all(request, store, read, (body) => parseExactJson(body) as Page<T>)
    reply.header('x-store-lag', lag).header(ROLE_HEADER, role)
    return mergePages(result, { list: store, limit, keyOf })
  }
}
