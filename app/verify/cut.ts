import { requireTopics, type Span, spansIn } from '../../infra/streams/topics/index.ts'
import { type CommittedOffset, type LogAdmin, replayStateOfOffsets, type TopicPartition } from '../../runtime/index.ts'
import { counted, partitionKey, partitionName, StreamsError, StreamsTopologyError } from '../../state/index.ts'

/** Stop the application or its input: while offsets move, stores and input cannot be compared. */
export class OffsetsMovedError extends StreamsError {
  constructor(at: TopicPartition) {
    super(
      'OFFSETS_MOVED',
      `the application is running: its offset of ${partitionName(at)} moved while the topics were read; stop the application or its input`,
    )
  }
}

export interface CutTopics {
  /** Read up to the committed offsets. */
  readonly sources: readonly string[]
  /** Read from the committed offsets to the end: written, not yet processed. */
  readonly repartition: readonly string[]
  /** Stores and outputs: read whole. */
  readonly written: readonly string[]
}

/*
 * One moment of the application, as spans to read of every topic.
 * 1. Offsets are read first (stable ones: no commit is pending), ends after them. All that those offsets stand for is
 *    below the ends.
 * 2. While isUnmoved() the spans hold nothing else either: a commit moves an offset.
 */
export class Cut {
  readonly #admin: LogAdmin
  readonly #groupId: string
  readonly #committed: ReadonlyMap<string, CommittedOffset>
  readonly #partitions: readonly TopicPartition[]
  readonly #spans: ReadonlyMap<string, readonly Span[]>

  private constructor(
    from: { admin: LogAdmin; groupId: string },
    committed: ReadonlyMap<string, CommittedOffset>,
    partitions: readonly TopicPartition[],
    spans: ReadonlyMap<string, readonly Span[]>,
  ) {
    this.#admin = from.admin
    this.#groupId = from.groupId
    this.#committed = committed
    this.#partitions = partitions
    this.#spans = spans
  }

  /** Throws MissingTopicError. */
  static async take(admin: LogAdmin, groupId: string, topics: CutTopics): Promise<Cut> {
    const counts = await requireTopics(admin, [...topics.sources, ...topics.repartition, ...topics.written])
    const of = (names: readonly string[]): TopicPartition[] =>
      names.flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
    const read = of([...topics.sources, ...topics.repartition])
    const committed = await committedOffsets(admin, groupId, read)
    const spans = (await spansIn(admin, [...read, ...of(topics.written)])).map((whole): Span => {
      const offset = committed.get(partitionKey(whole))?.offset ?? whole.from
      if (topics.sources.includes(whole.topic)) return { ...whole, to: Math.min(whole.to, offset) }
      return topics.repartition.includes(whole.topic) ? { ...whole, from: Math.max(whole.from, offset) } : whole
    })
    const byTopic = Map.groupBy(spans, ({ topic }) => topic)
    return new Cut({ admin, groupId }, committed, read, byTopic)
  }

  /** The spans of a topic, by partition. */
  spans(topic: string): readonly Span[] {
    return this.#spans.get(topic) ?? []
  }

  /** The spans of one partition of several topics. */
  partition(topics: readonly string[], partition: number): readonly Span[] {
    return topics.flatMap((topic) => this.spans(topic)[partition] ?? [])
  }

  /** The number of partitions these topics have. Throws StreamsTopologyError when they differ. */
  partitionsOf(topics: readonly string[]): number {
    const counts = topics.map((topic) => this.spans(topic).length)
    const odd = topics.find((_, index) => counts[index] !== counts[0])
    if (odd !== undefined) {
      throw new StreamsTopologyError(
        `${topics[0]} has ${counted(counts[0] ?? 0, 'partition')} and ${odd} ${this.spans(odd).length}: rows cannot be compared`,
      )
    }
    return counts[0] ?? 0
  }

  /** True when retention has removed records of that partition. */
  hasGone({ topic, partition }: TopicPartition): boolean {
    return (this.spans(topic)[partition]?.from ?? 0) > 0
  }

  /** A replay took the application back in time: it has said things again. */
  get isRewound(): boolean {
    return replayStateOfOffsets([...this.#committed.values()]).isRewound
  }

  /** Offsets to read in all. */
  get length(): number {
    return [...this.#spans.values()].flat().reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
  }

  /** Throws OffsetsMovedError when the application has committed since. */
  async checkUnmoved(): Promise<void> {
    const now = await committedOffsets(this.#admin, this.#groupId, this.#partitions)
    const moved = this.#partitions.find(
      (at) => now.get(partitionKey(at))?.offset !== this.#committed.get(partitionKey(at))?.offset,
    )
    if (moved !== undefined) throw new OffsetsMovedError(moved)
  }
}

async function committedOffsets(
  admin: LogAdmin,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, CommittedOffset>> {
  const offsets = await admin.committedOffsets(groupId, partitions)
  return new Map(offsets.map((offset) => [partitionKey(offset), offset]))
}
