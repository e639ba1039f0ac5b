import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { AutoOffsetReset, Plan } from '../../topology/plan.ts'
import { decodeOffsetMetadata } from '../commit/offset-metadata.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import type { CommittedOffset, LogAdmin, TopicPartition } from '../ports/log.ts'
import { ReplayedMeanwhileError, ReplayUnfinishedError, replayStateOf } from '../replay/replay-state.ts'
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
  /** What the last commits say beside the offsets: the task's marks. */
  readonly numbers: Numbers
}

export interface SourcePositionsOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  readonly admin: LogAdmin
}

/** Answers where tasks begin: at the stable committed offset when the log still has it, else where the reset policy says. */
export class SourcePositions {
  readonly #options: SourcePositionsOptions

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
    for (const offset of await admin.committedOffsets(config.applicationId, all)) committed.set(keyOf(offset), offset)
    const begins = await this.#offsets(all, (partitions) => admin.earliestOffsets(partitions))
    const ends = await this.#offsets(all, (partitions) => admin.highWatermarks(partitions))
    const starts = new Map<string, TaskStart>()
    for (const [id, partitions] of byTask) {
      const sources = partitions.map((source) => {
        const key = keyOf(source)
        return this.#start(source, committed.get(key), begins.get(key) as number, ends.get(key) as number)
      })
      const metadata = partitions.map((source) => decodeOffsetMetadata(committed.get(keyOf(source))?.metadata ?? ''))
      starts.set(id, { sources, numbers: mergeNumbers(metadata.map(({ numbers }) => numbers)) })
    }
    this.#checkReplay(starts.values())
    return starts
  }

  /** The offsets that are about to be used are a finished replay's, and the stores are of the same time. */
  #checkReplay(starts: Iterable<TaskStart>): void {
    const { applicationId, replayEpoch } = this.#options.config
    const { epoch, isUnfinished } = replayStateOf([...starts].map(({ numbers }) => numbers))
    if (isUnfinished) throw new ReplayUnfinishedError(applicationId, epoch)
    if (replayEpoch !== undefined && epoch > replayEpoch) throw new ReplayedMeanwhileError(applicationId)
  }

  #start(source: TopicPartition, committed: CommittedOffset | undefined, begin: number, end: number): TaskSource {
    if (committed !== undefined && committed.offset >= begin && committed.offset <= end) {
      const { partitionTime } = decodeOffsetMetadata(committed.metadata)
      return { ...source, position: committed.offset, partitionTime, isCommitted: true, end }
    }
    const policy = this.resetPolicy(source.topic)
    if (policy === 'none') {
      const name = `${source.topic}-${source.partition}`
      throw new StreamsConfigError(
        committed === undefined
          ? `no committed offset for ${name} and AUTO_OFFSET_RESET is none`
          : `the committed offset ${committed.offset} of ${name} is not in the log (${begin} to ${end}) and AUTO_OFFSET_RESET is none`,
      )
    }
    return { ...source, position: policy === 'latest' ? end : begin, partitionTime: -1, isCommitted: false, end }
  }

  /** What to do for a partition without a usable offset. Internal topics always start at the beginning. */
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
    return new Map(partitions.map((partition, i) => [keyOf(partition), offsets[i] as number]))
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}
