import type { LogAdmin } from '../../../runtime/ports/log.ts'
import { eagerStore, OffsetsFirstWriter, UnfilteredLog } from '../mutants.ts'
import type { ClusterMutants, ClusterWorld } from './cluster-world.ts'
import type { SimulatedDisk } from './disk.ts'
import { WatchedCluster } from './referee.ts'

/** A group coordinator that accepts offsets from anybody, as a client gets it that commits without member id and generation. */
class TrustingCluster extends WatchedCluster {
  #newest = 0
  #memberIds: readonly string[] = []

  override setGroup(groupId: string, generation: number, memberIds: readonly string[]): void {
    this.#newest = generation
    this.#memberIds = memberIds
    super.setGroup(groupId, generation, memberIds)
  }

  override txnOffsetCommit(...[session, group, offsets]: Parameters<WatchedCluster['txnOffsetCommit']>): void {
    const memberId = this.#memberIds[0] ?? group.memberId
    super.txnOffsetCommit(session, { ...group, generation: this.#newest, memberId }, offsets)
  }
}

/** An admin whose answer for the end of a changelog is another one. */
function withEnds(
  admin: LogAdmin,
  endOf: (topic: string, partition: number, end: number) => Promise<number>,
): LogAdmin {
  return {
    describeTopics: (names) => admin.describeTopics(names),
    createTopics: (topics) => admin.createTopics(topics),
    topicSettings: (topics) => admin.topicSettings(topics),
    changeTopicSettings: (topic, settings) => admin.changeTopicSettings(topic, settings),
    committedOffsets: (groupId, partitions) => admin.committedOffsets(groupId, partitions),
    earliestOffsets: (partitions) => admin.earliestOffsets(partitions),
    lastStableOffsets: (partitions) => admin.lastStableOffsets(partitions),
    deleteRecords: (offsets) => admin.deleteRecords(offsets),
    highWatermarks: async (partitions) => {
      const ends = await admin.highWatermarks(partitions)
      return await Promise.all(
        partitions.map(({ topic, partition }, i) =>
          topic.endsWith('-changelog') ? endOf(topic, partition, ends[i] as number) : (ends[i] as number),
        ),
      )
    },
  }
}

/** Restores to the last stable offset: what is committed, its markers still on their way, is missed. */
function toLastStableOffset(admin: LogAdmin, _disk: SimulatedDisk, { cluster }: ClusterWorld): LogAdmin {
  return withEnds(admin, async (topic, partition) => cluster.log({ topic, partition }).lastStableOffset)
}

/** Takes whatever state is there for complete: a standby is promoted where it stands. */
function asItStands(admin: LogAdmin, disk: SimulatedDisk, { plan }: ClusterWorld): LogAdmin {
  return withEnds(admin, async (topic, partition, end) => {
    for (const { id, stores } of plan.subtopologies) {
      const store = stores.find(({ changelogTopic }) => changelogTopic === topic)
      const taskId = `${id}_${partition}`
      if (store === undefined || !disk.taskIds.has(taskId)) continue
      const backend = await disk.files.open(taskId, store.spec.name, { keyIndex: false })
      return backend.position() ?? end
    }
    return end
  })
}

/** Every bug the simulation of clusters must find, by what is wrong with it. */
export const CLUSTER_MUTANTS: ReadonlyArray<readonly [name: string, mutants: ClusterMutants]> = [
  ['offsets committed before outputs', { writer: (options) => new OffsetsFirstWriter(options) }],
  ['no abort filter', { newLog: () => new UnfilteredLog() }],
  ['store written before the commit', { store: eagerStore }],
  ['no fencing of vanished members', { fencesNobody: true }],
  ['restore to the last stable offset', { admin: toLastStableOffset }],
  ['commit without generation', { newCluster: (...given) => new TrustingCluster(...given) }],
  ['released before the last commit has settled', { releasesAtOnce: true }],
  ['standby promoted behind', { admin: asItStands }],
]
