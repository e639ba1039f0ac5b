import { StreamsConfigError } from '../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../state/ports/topic-partition.ts'
import type { AutoOffsetReset } from '../../topology/plan.ts'
import { decodeOffsetMetadata } from '../commit/offset-metadata.ts'
import type { CommittedOffset, TopicPartition } from '../ports/log.ts'
import { ReplayedMeanwhileError, ReplayUnfinishedError, replayStateOf } from '../replay/replay-state.ts'
import type { StreamThreadOptions } from '../thread/stream-thread-options.ts'
import type { ThreadMetrics } from '../thread/thread-metrics.ts'
import { mergeNumbers, type Numbers } from './task-marks.ts'

/** A source partition and where to start. */
export interface TaskSource extends TopicPartition {
  readonly position: number
  /** Partition time as of the last commit, -1 when unknown. */
  readonly partitionTime: number
  /** False: the reset policy chose the position; it has yet to be committed. */
  readonly isCommitted: boolean
  /** High watermark when the task was opened. */
  readonly end?: number
}

/** Where a task begins. */
export interface TaskStart {
  readonly sources: readonly TaskSource[]
  /** The task's marks, stored with the last committed offsets. */
  readonly numbers: Numbers
}

export interface SourcePositionsOptions extends Pick<StreamThreadOptions, 'plan' | 'config' | 'admin' | 'onEvent'> {
  readonly metrics: ThreadMetrics
}

/*
 * Answers where tasks begin: at the stable committed offset when the log has it.
 * 1. Without a committed offset, the reset policy says where.
 * 2. With one that is not in the log, processing goes on at the first record that is there, also when the policy is `latest`: nothing that
 *    can be read is skipped. `none` stops the instance.
 * 3. A loss is reported once, however often the task is opened before its new position is committed.
 */
export class SourcePositions {
  readonly #options: SourcePositionsOptions
  /** Committed offset of each partition whose loss was reported. */
  readonly #told = new Map<string, number>()

  constructor(options: SourcePositionsOptions) {
    this.#options = options
  }

  /**
   * @throws StreamsConfigError when there is no usable offset and auto.offset.reset is none
   * @throws ReplayUnfinishedError, ReplayedMeanwhileError
   */
  async of(byTask: ReadonlyMap<string, readonly TopicPartition[]>): Promise<Map<string, TaskStart>> {
    const { admin, config } = this.#options
    const all = [...byTask.values()].flat()
    const committed = new Map<string, CommittedOffset>()
    for (const offset of await admin.committedOffsets(config.applicationId, all))
      committed.set(partitionKey(offset), offset)
    const begins = await this.#offsets(all, (partitions) => admin.earliestOffsets(partitions))
    const ends = await this.#offsets(all, (partitions) => admin.highWatermarks(partitions))
    const starts = new Map<string, TaskStart>()
    for (const [id, partitions] of byTask) {
      const sources = partitions.map((source) => {
        const key = partitionKey(source)
        return this.#start(id, source, {
          committed: committed.get(key),
          begin: begins.get(key) as number,
          end: ends.get(key) as number,
        })
      })
      const metadata = partitions.map((source) =>
        decodeOffsetMetadata(committed.get(partitionKey(source))?.metadata ?? ''),
      )
      starts.set(id, { sources, numbers: mergeNumbers(metadata.map(({ numbers }) => numbers)) })
    }
    this.#checkReplay(starts.values())
    return starts
  }

  /** The offsets that are about to be used are a finished replay's, and the stores are of the same time. */
  #checkReplay(starts: Iterable<TaskStart>): void {
    const { applicationId, replayEpoch } = this.#options.config
    const replay = replayStateOf([...starts].map(({ numbers }) => numbers))
    if (replay.isUnfinished) throw new ReplayUnfinishedError(applicationId, replay)
    if (replayEpoch !== undefined && replay.epoch > replayEpoch) throw new ReplayedMeanwhileError(applicationId)
  }

  #start(taskId: string, source: TopicPartition, { committed, begin, end }: Known): TaskSource {
    if (committed !== undefined && committed.offset >= begin && committed.offset <= end) {
      const { partitionTime } = decodeOffsetMetadata(committed.metadata)
      return { ...source, position: committed.offset, partitionTime, isCommitted: true, end }
    }
    const policy = this.resetPolicy(source.topic)
    if (policy === 'none') {
      const name = partitionName(source)
      const { autoOffsetReset } = this.#options.config.names
      throw new StreamsConfigError(
        committed === undefined
          ? `there is no committed offset for ${name}, and ${autoOffsetReset} is none`
          : `the committed offset ${committed.offset} of ${name} is not in the log (${begin} to ${end}) and ${autoOffsetReset} is none`,
      )
    }
    if (committed === undefined)
      return { ...source, position: policy === 'latest' ? end : begin, partitionTime: -1, isCommitted: false, end }
    this.#lost(taskId, source, committed.offset, begin)
    // Stream time continues from there, unless the topic is another one.
    const partitionTime = committed.offset < begin ? decodeOffsetMetadata(committed.metadata).partitionTime : -1
    return { ...source, position: begin, partitionTime, isCommitted: false, end }
  }

  /** Invariant 3. */
  #lost(taskId: string, source: TopicPartition, committed: number, begin: number): void {
    if (this.#told.get(partitionKey(source)) === committed) return
    this.#told.set(partitionKey(source), committed)
    const records = Math.max(0, begin - committed)
    const { metrics, onEvent } = this.#options
    metrics.inputLost.add(`${source.topic}\u0000${source.partition}`, records)
    onEvent({ type: 'input-lost', lost: { ...source, taskId, committed, position: begin, records } })
  }

  /** Says where to start a partition without a usable offset. Internal topics always start at the beginning. */
  resetPolicy(topic: string): AutoOffsetReset {
    const { plan, config } = this.#options
    if (plan.internalTopics.some((internal) => internal.name === topic)) return 'earliest'
    for (const { nodes } of plan.subtopologies) {
      for (const node of nodes) {
        if (node.type === 'source' && node.topics.includes(topic)) return node.offsetReset ?? config.autoOffsetReset
      }
    }
    return config.autoOffsetReset
  }

  async #offsets(
    partitions: readonly TopicPartition[],
    ask: (partitions: readonly TopicPartition[]) => Promise<readonly number[]>,
  ): Promise<Map<string, number>> {
    const offsets = await ask(partitions)
    return new Map(partitions.map((partition, i) => [partitionKey(partition), offsets[i] as number]))
  }
}

/** The known facts of a source partition. */
interface Known {
  readonly committed: CommittedOffset | undefined
  readonly begin: number
  readonly end: number
}
