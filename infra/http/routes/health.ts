import type { FastifyInstance } from 'fastify'
import type { StreamsInstance } from '../../../runtime/ports/instance.ts'

const route = { schema: { tags: ['health'] }, config: { open: true } }

/** GET /health/live: the process works. GET /health/ready: every owned store is restored. Open without a token. */
export function healthRoutes(app: FastifyInstance, instance: StreamsInstance): void {
  app.get('/health/live', route, (_request, reply) => {
    const state = instance.state()
    const live = state !== 'ERROR' && state !== 'NOT_RUNNING'
    return reply.code(live ? 200 : 503).send({ status: live ? 'live' : 'down', state })
  })

  app.get('/health/ready', route, async (_request, reply) => {
    const state = instance.state()
    const restoring = (await instance.tasks()).filter((task) => task.state === 'restoring').length
    const ready = state === 'RUNNING' && restoring === 0
    if (!ready) reply.header('retry-after', 1)
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? 'ready' : 'not ready', state, restoringTasks: restoring })
  })
}
