import { partitionsOf, rideTopics, type TopicOptions, type TopicSpec } from '../../processors/topics.ts'
import type { LogAdmin } from '../../runtime/index.ts'

export interface CreateTopicsOptions extends TopicOptions {
  /** Which of them; default all. `start` owns outputs and dead letters only. */
  readonly roles?: ReadonlyArray<TopicSpec['role']> | undefined
  /**
   * Give input topics and driver.cell.changed retention.ms=-1: brokers delete by record time, so events recorded years ago would be gone at
   * the next check.
   */
  readonly keepForever?: boolean | undefined
}

export interface CreatedTopic {
  readonly topic: string
  readonly partitions: number
  /** False: it was there before and is left as it is. */
  readonly created: boolean
}

/** Creates the missing ones of the application's topics; existing ones are not touched. */
export async function createRideTopics(
  admin: LogAdmin,
  options: CreateTopicsOptions,
): Promise<readonly CreatedTopic[]> {
  const all = rideTopics(options)
  const wanted = all.filter(({ role }) => options.roles?.includes(role) ?? true)
  const found = await admin.describeTopics(all.map(({ name }) => name))
  const counts = new Map([...found.values()].map(({ name, partitions }) => [name, partitions]))
  const missing = wanted.filter(({ name }) => !found.has(name))
  await admin.createTopics(
    missing.map((spec) => ({
      name: spec.name,
      partitions: partitionsOf(spec, all, counts),
      config: options.keepForever ? keptForever(spec) : spec.config,
    })),
  )
  return wanted.map((spec) => ({
    topic: spec.name,
    partitions: partitionsOf(spec, all, counts),
    created: !found.has(spec.name),
  }))
}

function keptForever({ role, config }: TopicSpec): Readonly<Record<string, string>> {
  const byRecordTime = role !== 'dead-letter' && config['cleanup.policy'] === 'delete'
  return byRecordTime ? { ...config, 'retention.ms': '-1' } : config
}
