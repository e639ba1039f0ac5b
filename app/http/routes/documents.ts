import type { FastifyInstance } from 'fastify'
import type { AsyncApiOptions } from '../../../processors/events/async-api.ts'

/** The AsyncAPI document of the application's topics. */
export function documentRoutes(app: FastifyInstance, options: AsyncApiOptions): void {
  let document: object | null = null
  app.get('/asyncapi.json', { schema: { hide: true } }, async () => {
    const { asyncApiDocument } = await import('../../../processors/events/async-api.ts')
    document ??= asyncApiDocument(options)
    return document
  })
}
