import { partitionsOf, rideTopics, type TopicOptions, type TopicSpec } from '../../processors/ride-topics.ts'
import { createOwnTopics, type LogAdmin, mendOwnTopics, type TopicNoticeListener } from '../../runtime/index.ts'

export interface CreateTopicsOptions extends TopicOptions {
  /** Creates only topics of these roles; default all. `start` owns outputs and dead letters only. */
  readonly roles?: ReadonlyArray<TopicSpec['role']> | undefined
  /**
   * Give input topics and driver.cell.changed retention.ms=-1: brokers delete by record time, so events recorded years ago would be gone at
   * the next check.
   */
  readonly keepForever?: boolean | undefined
  /** Called for settings that were changed, or that the brokers refuse. */
  readonly onNotice?: TopicNoticeListener | undefined
}

export interface CreatedTopic {
  readonly topic: string
  readonly partitions: number
  /** False: it was there before. */
  readonly created: boolean
}

/**
 * Creates the missing ones of the application's topics. Outputs and dead letters that are there get the settings without which records
 * would be refused (runtime/topic-settings); inputs are others' and stay as they are.
 */
export async function createRideTopics(
  admin: LogAdmin,
  options: CreateTopicsOptions,
): Promise<readonly CreatedTopic[]> {
  const all = rideTopics(options)
  const wanted = all.filter(({ role }) => options.roles?.includes(role) ?? true)
  const found = await admin.describeTopics(all.map(({ name }) => name))
  const counts = new Map([...found.values()].map(({ name, partitions }) => [name, partitions]))
  const missing = wanted.filter(({ name }) => !found.has(name))
  const { onNotice = () => undefined } = options
  await createOwnTopics(
    missing.map((spec) => ({
      name: spec.name,
      partitions: partitionsOf(spec, all, counts),
      config: options.keepForever ? keptForever(spec) : spec.config,
    })),
    admin,
    onNotice,
  )
  const own = wanted.filter(({ name, role }) => found.has(name) && role !== 'input')
  await mendOwnTopics(own.map(limitsOf), admin, onNotice)
  return wanted.map((spec) => ({
    topic: spec.name,
    partitions: partitionsOf(spec, all, counts),
    created: !found.has(spec.name),
  }))
}

/** Policy and retention of outputs are their readers' business, too. */
function limitsOf({ name, config }: TopicSpec): { readonly name: string; readonly config: TopicSpec['config'] } {
  const { 'cleanup.policy': _policy, 'retention.ms': _retention, ...limits } = config
  return { name, config: limits }
}

function keptForever({ role, config }: TopicSpec): Readonly<Record<string, string>> {
  const byRecordTime = role !== 'dead-letter' && config['cleanup.policy'] === 'delete'
  return byRecordTime ? { ...config, 'retention.ms': '-1' } : config
}
