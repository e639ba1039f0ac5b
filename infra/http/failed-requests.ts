import type { FastifyInstance, FastifyRequest } from 'fastify'
import { errorFields } from '../logging/error-fields.ts'
import { LineBudget } from '../logging/line-budget.ts'
import type { Logger } from '../logging/logger.ts'

const LINES_PER_SECOND = 10

/** Lines of log about requests that failed by our fault (5xx) or took long; each names its request by `reqId`. Floods are cut. */
export class FailedRequests {
  readonly #logger: Logger
  readonly #budget = new LineBudget(LINES_PER_SECOND)

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @param code of the answer; 500: nobody expected the error, so all of it is logged */
  failed(request: FastifyRequest, status: number, code: string, error: unknown): void {
    const fields = { ...errorFields(error), status, code }
    if (status === 500) this.#write('error', request, { ...fields, err: error }, 'request failed')
    else this.#write('warn', request, { ...fields, error: String((error as Error).message) }, 'request refused')
  }

  /** Looks at all answers but streams and those of quick routes. */
  watchSlow(app: FastifyInstance, slowMs: number): void {
    app.addHook('onRoute', (route) => {
      if (route.config?.isQuick === true || route.config?.isStream === true) return
      const own = [route.onResponse ?? []].flat()
      route.onResponse = [
        ...own,
        (request, reply, done) => {
          const ms = Math.round(reply.elapsedTime)
          if (ms >= slowMs) this.#write('warn', request, { status: reply.statusCode, ms }, 'slow request')
          done()
        },
      ]
    })
  }

  #write(level: 'warn' | 'error', request: FastifyRequest, fields: object, message: string): void {
    const cut = this.#budget.fields()
    if (cut === null) return
    const { id: reqId, method, url } = request
    this.#logger[level]({ reqId, method, url, ...fields, ...cut }, message)
  }
}
