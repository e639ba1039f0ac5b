import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { StreamsInstance, TaskStatus } from '../../../runtime/ports/instance.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import type { ProcessMetrics } from '../../metrics/render.ts'
import { lagSchema, pageOf, type partitionLagSchema, refusals, taskSchema, topologySchema } from '../schemas/index.ts'
import { planOf } from '../stores/served-store.ts'

const schemaOf = (operationId: string, summary: string, answer: object) => ({
  tags: ['operations'],
  operationId,
  summary,
  response: { 200: answer, ...refusals },
})

const METRICS = { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } }

/**
 * Routes that show what this instance runs and its progress: /topology, /lag, /tasks, /metrics.
 */
export function operationsRoutes(app: FastifyInstance, instance: StreamsInstance): void {
  app.get('/topology', { schema: schemaOf('getTopology', 'The graph that runs', topologySchema) }, () =>
    planOf(instance).describe(),
  )

  const tasks = schemaOf('listTasks', 'The tasks of this instance', pageOf(taskSchema))
  app.get('/tasks', { schema: tasks }, async () => ({ rows: await instance.tasks(), nextCursor: null }))

  app.get('/lag', { schema: schemaOf('getLag', 'The lag of the tasks of this instance', lagSchema) }, async () => {
    const rows = partitionLags(await instance.tasks())
    return { rows, nextCursor: null, total: rows.reduce((sum, { lag }) => sum + lag, 0) }
  })

  // Loaded and begun at the first scrape: no start waits for it.
  let processMetrics: ProcessMetrics | null = null
  app.get(
    '/metrics',
    { schema: schemaOf('getMetrics', 'Metrics of this instance as Prometheus text', METRICS) },
    async (_request, reply) => {
      const { METRICS_CONTENT_TYPE, ProcessMetrics, renderMetrics } = await import('../../metrics/render.ts')
      processMetrics ??= new ProcessMetrics()
      reply.header('content-type', METRICS_CONTENT_TYPE)
      return renderMetrics(await instance.metrics(), processMetrics)
    },
  )
}

export type PartitionLag = Readonly<Static<typeof partitionLagSchema>>

/** Input partitions of the tasks by topic and partition. */
export function partitionLags(tasks: readonly TaskStatus[]): readonly PartitionLag[] {
  return tasks
    .flatMap((task) => task.partitions)
    .map(({ topic, partition, position, endOffset, heldBack }) => ({
      topic,
      partition,
      position,
      endOffset,
      lag: Math.max(0, endOffset - position),
      heldBack,
    }))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}
