import type { FastifyInstance, FastifyRequest } from 'fastify'
import { errorFields } from '../logging/error-fields.ts'
import { LimitedLines } from '../logging/limited-lines.ts'
import type { Logger } from '../logging/logger.ts'

/** Logs requests that failed by our fault (5xx) or took long; each line names its request by `reqId`. Floods are cut. */
export class FailedRequests {
  readonly #lines: LimitedLines

  constructor(logger: Logger) {
    this.#lines = new LimitedLines(logger)
  }

  /** @param code of the answer; 500: nobody expected the error, so all of it is logged */
  failed(request: FastifyRequest, status: number, code: string, error: unknown): void {
    const fields = { ...errorFields(error), status, code }
    if (status === 500) this.#write('error', request, { ...fields, err: error }, 'request failed')
    else this.#write('warn', request, { ...fields, error: String((error as Error).message) }, 'request refused')
  }

  /** Checks all answers but streams and those of quick routes. */
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
    const { id: reqId, method, url } = request
    this.#lines.write(level, { reqId, method, url, ...fields }, message)
  }
}
