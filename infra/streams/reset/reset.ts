import { setTimeout as sleep } from 'node:timers/promises'
import type { CommittedOffset, LogWriter, TopicPartition } from '../../../runtime/ports/log.ts'
import { markReplayed, markUnfinished, replayStateOfOffsets } from '../../../runtime/replay/replay-state.ts'
import { StreamsConfigError, StreamsError } from '../../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'
import type { Plan } from '../../../topology/plan.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'
import { ErrorCode, KafkaResponseError } from '../../kafka/protocol-error.ts'
import { consumedTopics, planTopics } from '../topics/plan-topics.ts'
import { requireTopics } from '../topics/require-topics.ts'
import type { GivenOffset } from './offsets-file.ts'

/** Where the application begins again in its input topics. */
export type ResetTarget =
  | { readonly to: 'earliest' | 'latest' }
  /** At the first record of that time or later (epoch ms); at the end when there is none. */
  | { readonly to: 'time'; readonly time: number }
  /** At that offset, or at the nearest one that the partition has. */
  | { readonly to: 'offset'; readonly offset: number }
  /** That many records from the committed offset, not beyond either end. */
  | { readonly to: 'shift'; readonly by: number }
  /** At these offsets, or at the nearest ones that the partitions have. Other partitions stay where they are. */
  | { readonly to: 'given'; readonly offsets: readonly GivenOffset[] }

export interface ResetOffset extends TopicPartition {
  /** null: nothing committed. */
  readonly before: number | null
  readonly after: number
}

export interface ResetPlan {
  readonly offsets: readonly ResetOffset[]
  /** Internal topics that are there. */
  readonly deleted: readonly string[]
  /** Other topics that look like internal ones of this application: of an older topology, perhaps, or of another application. */
  readonly left: readonly string[]
}

export interface ResetOptions {
  /** planOnCluster() */
  readonly plan: Plan
  readonly admin: KafkaAdmin
  /** Makes a writer without transactions. */
  readonly writer: () => LogWriter
  readonly target: ResetTarget
  /** Only these of the input topics; null: all. */
  readonly inputTopics: readonly string[] | null
  /** Exactly these internal topics are deleted; null: those of the topology. */
  readonly internalTopics: readonly string[] | null
  /** Members of the group are removed first: those of instances that died, and whose session has not timed out. */
  readonly force?: boolean
  readonly now: () => number
}

/** Stop all instances first: members of the group would commit their own offsets, and write into topics that are deleted. */
export class GroupActiveError extends StreamsError {
  constructor(applicationId: string, who: string) {
    super('GROUP_ACTIVE', `${applicationId} is running (${who}): stop all instances first`)
  }
}

/** Run the reset again: brokers have not finished deleting these topics. */
export class TopicsStayError extends StreamsError {
  constructor(topics: readonly string[]) {
    super('TOPICS_STAY', `${topics.join(', ')} are still there after ${DELETED_WITHIN_MS} ms: run the reset again`)
  }
}

const DELETED_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 100

/** Offsets of a partition to choose from. */
interface Aimed {
  readonly begin: number
  readonly end: number
  readonly known: number | null
  readonly timed: number
  readonly given: number
}

/*
 * Takes an application back to its beginning, as kafka-streams-application-reset does.
 *
 *   1. refuse   members are in the group, or came back after they were removed
 *   2. lock     a mark in the committed offsets: from here on the application does not start. The coordinator takes a commit
 *               without a member from an empty group only, so nobody runs when it is there.
 *   3. delete   the internal topics; with a topic the brokers forget its committed offsets
 *   4. finish   commit the new offsets, without the mark, and with an epoch that makes all local stores useless: each instance
 *               removes its own at its next start (StateDirectory.adoptEpoch)
 *
 * Killed between 2 and 4: the application refuses to start, and the reset can be run again.
 */
export class Reset {
  readonly #options: ResetOptions

  constructor(options: ResetOptions) {
    this.#options = options
  }

  /** Step 1, and what the others would do. @throws GroupActiveError, MissingTopicError, StreamsConfigError */
  async prepare(): Promise<ResetPlan> {
    await this.#checkStopped()
    const { plan, admin, internalTopics } = this.#options
    const all = await admin.listTopics()
    const internal = planTopics(plan).filter(({ role }) => !['input', 'output', 'dead-letter'].includes(role))
    const own = new Set(internal.map(({ name }) => name))
    const alike = all.filter((name) => isAlike(name, plan.applicationId))
    for (const name of internalTopics ?? []) {
      if (own.has(name) || alike.includes(name)) continue
      throw new StreamsConfigError(`--internal-topics: ${name} is no internal topic of ${plan.applicationId}`)
    }
    const deleted = all.filter((name) => (internalTopics === null ? own.has(name) : internalTopics.includes(name)))
    const left = alike.filter((name) => !deleted.includes(name))
    return { offsets: await this.#offsets(), deleted, left }
  }

  /** Steps 2 to 4. @throws GroupActiveError, TopicsStayError */
  async run({ offsets, deleted }: ResetPlan): Promise<void> {
    const { plan, admin, now } = this.#options
    const before = await admin.allCommittedOffsets(plan.applicationId)
    const epoch = Math.max(now(), replayStateOfOffsets(before).epoch + 1)
    await this.#commit(before.map((offset) => markUnfinished(offset, epoch, 'reset')))
    await admin.deleteTopics(deleted)
    await this.#untilGone(deleted)
    const given = new Set(offsets.map(partitionKey))
    const gone = new Set(deleted)
    // Inputs that are not reset go on where they are; their stream times are no longer true.
    const kept = before.filter((at) => !given.has(partitionKey(at)) && !gone.has(at.topic))
    const after = [...kept, ...offsets.map(({ topic, partition, after: offset }) => ({ topic, partition, offset }))]
    await this.#commit(
      after.map(({ topic, partition, offset }) =>
        markReplayed({ topic, partition, offset, metadata: '' }, { epoch, isRewound: true }),
      ),
    )
  }

  async #checkStopped(): Promise<void> {
    const { admin, plan } = this.#options
    let group = await admin.describeGroup(plan.applicationId)
    if (this.#options.force === true && group !== null && group.members.length > 0) {
      await admin.removeMembers(plan.applicationId, group.members)
      group = await admin.describeGroup(plan.applicationId)
    }
    if (group === null || group.members.length === 0) return
    const hosts = [...new Set(group.members.map(({ clientHost }) => clientHost.replace(/^\//, '')))].join(', ')
    throw new GroupActiveError(plan.applicationId, `${group.members.length} in the group, on ${hosts}`)
  }

  async #offsets(): Promise<readonly ResetOffset[]> {
    const { plan, admin, inputTopics } = this.#options
    const inputs = consumedTopics(plan)
      .filter(({ role }) => role === 'input')
      .map(({ name }) => name)
    for (const name of inputTopics ?? []) {
      if (!inputs.includes(name))
        throw new StreamsConfigError(`--input-topics: ${name} is no input topic of the topology`)
    }
    const counts = await requireTopics(admin, inputTopics ?? inputs)
    const all = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition })),
    )
    const aims = this.#aims(all)
    const partitions = aims === null ? all : all.filter((at) => aims.has(partitionKey(at)))
    const committed = await admin.committedOffsets(plan.applicationId, partitions)
    const before = new Map(committed.map((at) => [partitionKey(at), at.offset]))
    const [first, ends] = await Promise.all([admin.earliestOffsets(partitions), admin.highWatermarks(partitions)])
    const timed = await this.#offsetsOfTime(partitions)
    return partitions.map((at, index): ResetOffset => {
      const known = before.get(partitionKey(at)) ?? null
      const [begin = 0, end = 0] = [first[index], ends[index]]
      const aimed = { begin, end, known, timed: timed?.[index] ?? -1, given: aims?.get(partitionKey(at)) ?? begin }
      return { ...at, before: known, after: this.#after(aimed) }
    })
  }

  /** Offsets by partition; null: they are not given. @throws StreamsConfigError for a partition that is not there */
  #aims(partitions: readonly TopicPartition[]): ReadonlyMap<string, number> | null {
    const { target } = this.#options
    if (target.to !== 'given') return null
    const known = new Set(partitions.map(partitionKey))
    for (const at of target.offsets) {
      if (known.has(partitionKey(at))) continue
      throw new StreamsConfigError(`--from-file: ${partitionName(at)} is no partition of an input topic to reset`)
    }
    return new Map(target.offsets.map((at) => [partitionKey(at), at.offset]))
  }

  async #offsetsOfTime(partitions: readonly TopicPartition[]): Promise<readonly number[] | null> {
    const { target, admin } = this.#options
    return target.to === 'time' ? await admin.offsetsForTime(partitions, target.time) : null
  }

  #after({ begin, end, known, timed, given }: Aimed): number {
    const { target } = this.#options
    const within = (offset: number): number => Math.min(end, Math.max(begin, offset))
    switch (target.to) {
      case 'earliest':
        return begin
      case 'latest':
        return end
      case 'time':
        return timed < 0 ? end : within(timed)
      case 'offset':
        return within(target.offset)
      case 'shift':
        return within((known ?? begin) + target.by)
      case 'given':
        return within(given)
    }
  }

  async #commit(offsets: readonly CommittedOffset[]): Promise<void> {
    const { plan, writer: newWriter } = this.#options
    const group = { groupId: plan.applicationId, memberId: '', generation: -1, groupInstanceId: null }
    if (offsets.length === 0) return
    const writer = newWriter()
    try {
      await writer.init()
      await writer.commit({ batch: writer.newBatch(), offsets, group: () => group })
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined
      const isRefused = cause instanceof KafkaResponseError && cause.errorCode === ErrorCode.UNKNOWN_MEMBER_ID
      throw isRefused ? new GroupActiveError(plan.applicationId, 'one has just joined the group') : error
    } finally {
      await writer.close()
    }
  }

  /** Brokers delete topics, and forget their offsets, after they have answered. */
  async #untilGone(topics: readonly string[]): Promise<void> {
    const { admin, plan, now } = this.#options
    const limit = now() + DELETED_WITHIN_MS
    for (;;) {
      const there = [...(await admin.describeTopics(topics)).keys()]
      const committed = await admin.allCommittedOffsets(plan.applicationId)
      const known = committed.filter(({ topic }) => topics.includes(topic)).map(({ topic }) => topic)
      const left = new Set([...there, ...known])
      if (left.size === 0) return
      if (now() > limit) throw new TopicsStayError([...left].sort())
      await sleep(LOOK_EVERY_MS)
    }
  }
}

/** By its name; an application whose id begins with this one's and a dash has such topics, too. */
function isAlike(topic: string, applicationId: string): boolean {
  return topic.startsWith(`${applicationId}-`) && /-(changelog|repartition|idle-ticks|answers)$/.test(topic)
}
