import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { StreamsInstance, TaskStatus } from '../../../runtime/ports/instance.ts'
import { METRICS_CONTENT_TYPE, type ProcessMetrics, renderMetrics } from '../../metrics/render.ts'
import { lagSchema, pageOf, type partitionLagSchema, taskSchema } from '../schemas/index.ts'

export interface OperationsOptions {
  /** The topology as a JSON graph. */
  readonly topology: unknown
  readonly processMetrics: ProcessMetrics
}

const schema = { tags: ['operations'] }

/** Routes that show what this instance runs and its progress: /topology, /lag, /tasks, /metrics. */
export function operationsRoutes(app: FastifyInstance, instance: StreamsInstance, options: OperationsOptions): void {
  app.get('/topology', { schema }, () => options.topology)

  const tasks = { ...schema, response: { 200: pageOf(taskSchema) } }
  app.get('/tasks', { schema: tasks }, async () => ({ rows: await instance.tasks(), nextCursor: null }))

  app.get('/lag', { schema: { ...schema, response: { 200: lagSchema } } }, async () => {
    const rows = partitionLags(await instance.tasks())
    return { rows, nextCursor: null, total: rows.reduce((sum, { lag }) => sum + lag, 0) }
  })

  app.get('/metrics', { schema }, async (_request, reply) => {
    reply.header('content-type', METRICS_CONTENT_TYPE)
    return renderMetrics(await instance.metrics(), options.processMetrics)
  })
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
