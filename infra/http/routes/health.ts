import type { FastifyInstance } from 'fastify'
import { isCutOff, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import { errorSchema, liveSchema, readySchema } from '../schemas/index.ts'

const route = (operationId: string, summary: string, answer: object) => ({
  // No token is needed.
  schema: {
    tags: ['health'],
    operationId,
    summary,
    security: [],
    response: { 200: answer, 503: answer, 414: errorSchema },
  },
  config: { open: true },
})

/** GET /health/live: the process works. GET /health/ready: every owned store is restored, and a broker answers. Open without a token. */
export function healthRoutes(app: FastifyInstance, instance: StreamsInstance): void {
  app.get('/health/live', route('isLive', 'Whether the process works', liveSchema), (_request, reply) => {
    const state = instance.state()
    const live = state !== 'ERROR' && state !== 'NOT_RUNNING'
    return reply.code(live ? 200 : 503).send({ status: live ? 'live' : 'down', state })
  })

  app.get(
    '/health/ready',
    route('isReady', 'Whether every store of this instance is restored, and a broker answers', readySchema),
    async (_request, reply) => {
      const state = instance.state()
      const restoring = (await instance.tasks()).filter((task) => task.state === 'restoring').length
      const reach = instance.brokers()
      const ready = state === 'RUNNING' && restoring === 0 && !isCutOff(reach)
      if (!ready) reply.header('retry-after', 1)
      return reply.code(ready ? 200 : 503).send({
        status: ready ? 'ready' : 'not ready',
        state,
        restoringTasks: restoring,
        silentBrokers: reach.silent.map(({ broker }) => broker),
      })
    },
  )
}
