import type { StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import type { CommittedOffset, LogAdmin, LogReader, TopicPartition } from '../../../runtime/ports/log.ts'
import type { TaskPartitions } from '../../../runtime/ports/membership.ts'
import { Rebuild } from '../../../runtime/replay/rebuild.ts'
import type { InputSpan } from '../../../runtime/replay/rebuild-options.ts'
import { PoisonedRecordError, PoisonedRecords } from '../../../runtime/task/poisoned-records.ts'
import { groupedBy } from '../../../state/grouped-by.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import { KEPT_NUMBERS_KEY } from '../../../state/stores/kept-numbers.ts'
import { callersOf } from '../../../topology/calls-of-plan.ts'
import type { Plan } from '../../../topology/plan.ts'
import { type ReplayRule, type ReplayRules, TABLE_RULE, UNANSWERED_RULE } from '../../../topology/replay-rule.ts'
import { type Span, spansIn } from '../topics/log-scan.ts'
import { AnswerGoneError, AnswerLog } from './answer-log.ts'
import type { InputCut } from './input-cut.ts'
import { type Correction, reconcile } from './reconcile.ts'
import { runRebuild } from './run-rebuild.ts'
import type { Scratch } from './scratch.ts'

/** A topic the replay gives rows to. */
export interface RebuiltTopic {
  readonly topic: string
  readonly kind: 'store' | 'output'
  /** The store's, or the topic's. */
  readonly name: string
}

export interface TopicOutcome {
  readonly topic: string
  readonly kind: 'store' | 'output'
  /** Rows that were rebuilt. */
  readonly rows: number
  /** Rows that were not what was rebuilt. */
  readonly differing: number
  readonly written: number
}

export interface ReplayRunOptions {
  readonly plan: Plan
  readonly rules: ReplayRules
  readonly config: StreamsConfig
  readonly tasks: readonly TaskPartitions[]
  readonly partitions: ReadonlyMap<string, number>
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly scratch: Scratch
  readonly rate: number | null
  /** Calls whose answer is not recorded are left out; else they are an error. */
  readonly acceptLoss: boolean
  readonly signal: AbortSignal
  readonly onProgress: (phase: 'rebuilding' | 'comparing', done: number, all: number) => void
}

/*
 * One rebuild beside the application, and its comparison with what the application's topics hold. Writes nothing to Kafka.
 */
export class ReplayRun {
  readonly #options: ReplayRunOptions
  readonly #topics: readonly RebuiltTopic[]
  readonly #poisoned = new PoisonedRecords()
  #rebuild: Rebuild | null = null
  #answers: AnswerLog | null = null
  #done = 0
  #all = 0

  constructor(options: ReplayRunOptions) {
    this.#options = options
    this.#topics = rebuiltTopics(options.plan)
  }

  /** Rebuilds up to that cut, windows closed as the application had closed them; what an earlier call has done stays. */
  async upTo(cut: InputCut): Promise<void> {
    for (;;) {
      try {
        await this.#run(cut)
        return
      } catch (error) {
        if (!(error instanceof PoisonedRecordError)) throw error
        // The record leaves nothing behind, as in the application: everything before it is done again without it.
        this.#poisoned.add(error)
        await this.#drop()
      }
    }
  }

  /**
   * Offsets from which the application continues once it has the rebuilt rows: repartition topics are processed to their ends.
   */
  async offsets(cut: InputCut): Promise<readonly CommittedOffset[]> {
    const inputs = new Map(cut.input.map((span) => [partitionKey(span), span.to]))
    const known = new Set(cut.committed.map(partitionKey))
    const captured = this.#opened.captureOffsets()
    const inner = captured.filter((at) => !inputs.has(partitionKey(at)))
    const ends = await this.#options.admin.highWatermarks(inner)
    const rebuilt = inner.map((at, index) => ({ ...at, offset: ends[index] ?? 0 }))
    const outer = captured
      // Where it never committed, the reset policy still has the word.
      .filter((at) => inputs.has(partitionKey(at)) && known.has(partitionKey(at)))
      .map((at) => ({ ...at, offset: inputs.get(partitionKey(at)) ?? at.offset }))
    return [...outer, ...rebuilt]
  }

  /** Hands over every row that is not as it was rebuilt, topic by topic. `visit` answers whether it was written. */
  async compare(
    kinds: ReadonlyArray<RebuiltTopic['kind']>,
    allRows: boolean,
    visit: (at: TopicPartition, kind: RebuiltTopic['kind'], row: Correction) => Promise<boolean>,
  ): Promise<readonly TopicOutcome[]> {
    const { plan, rules, admin, signal, onProgress, reader, scratch } = this.#options
    const topics = this.#topics.filter(({ kind }) => kinds.includes(kind))
    const ofCalls = new Set(callersOf(plan).map(({ calls }) => calls.store))
    const spans = await this.#spans(topics)
    const all = [...spans.values()].flat().reduce((sum, { from, to }) => sum + to - from, 0)
    let done = 0
    const outcomes: TopicOutcome[] = []
    for (const { topic, kind, name } of topics) {
      const rule = kind === 'store' && ofCalls.has(name) ? UNANSWERED_RULE : declared(rules, kind, name)
      const outcome = { topic, kind, rows: 0, differing: 0, written: 0 }
      for (const span of spans.get(topic) ?? []) {
        signal.throwIfAborted()
        const rebuilt = scratch.table(span)
        outcome.rows += rebuilt.size - (rebuilt.get(KEPT_NUMBERS_KEY.toString('latin1')) === null ? 0 : 1)
        const passed = (offsets: number): void => {
          done += offsets
          onProgress('comparing', done, all)
        }
        const everything = allRows && kind === 'output'
        const rows = reconcile({ admin, reader, span, rebuilt, rule, all: everything, onProgress: passed })
        for await (const row of rows) {
          if (row.differs) outcome.differing++
          const isWritten = await visit(span, kind, row)
          if (isWritten && !row.key.equals(KEPT_NUMBERS_KEY)) outcome.written++
        }
      }
      outcomes.push(outcome)
    }
    return outcomes
  }

  async close(): Promise<void> {
    await this.#rebuild?.close()
    this.#rebuild = null
  }

  get #opened(): Rebuild {
    if (this.#rebuild === null) throw new RangeError('nothing is rebuilt yet')
    return this.#rebuild
  }

  async #run(cut: InputCut): Promise<void> {
    const { reader, rate, signal, scratch, onProgress } = this.#options
    if (this.#rebuild === null) this.#rebuild = await this.#open(cut.input)
    else {
      await this.#answers?.load()
      this.#rebuild.extend(cut.input)
    }
    const rebuild = this.#rebuild
    this.#done = 0
    this.#all = rebuild.missing.reduce((sum, { from, to }) => sum + to - from, 0)
    const passed = (offsets: number): void => {
      this.#done += offsets
      onProgress('rebuilding', this.#done, this.#all)
    }
    onProgress('rebuilding', 0, this.#all)
    const onCommit = (): Promise<void> => scratch.flush()
    await runRebuild({ rebuild, reader, rate, signal, onCommit, onProgress: passed })
    rebuild.closeUpTo((taskId) => cut.closedUpTo.get(taskId) ?? -1)
    await rebuild.commit()
    await onCommit()
  }

  async #open(input: readonly InputSpan[]): Promise<Rebuild> {
    const { plan, config, tasks, partitions, admin, scratch } = this.#options
    await scratch.openTables([...(await this.#spans(this.#topics)).values()].flat())
    const tickTopics = plan.internalTopics.filter(({ kind }) => kind === 'idle-tick').map(({ name }) => name)
    const tickPartitions = tickTopics.flatMap((topic) => partitionsOf(topic, partitions))
    const tickEnds = await admin.highWatermarks(tickPartitions)
    const ends = new Map(tickPartitions.map((at, index) => [partitionKey(at), tickEnds[index] ?? 0]))
    this.#answers = await this.#openAnswers()
    return Rebuild.open({
      ...(this.#answers && { answers: this.#answers }),
      plan,
      config,
      taskIds: tasks.map(({ taskId }) => taskId),
      partitions,
      input,
      tickEnd: (at) => ends.get(partitionKey(at)) ?? 0,
      openStore: scratch.openStore,
      onOutput: scratch.keep,
      onChangelog: scratch.keep,
      poisoned: this.#poisoned,
    })
  }

  async #openAnswers(): Promise<AnswerLog | null> {
    const { plan, partitions, admin, reader, scratch, signal, acceptLoss } = this.#options
    if (callersOf(plan).length === 0) return null
    const answers = new AnswerLog({
      ...{ plan, partitions, admin, reader, scratch, signal },
      onMissing(node, place) {
        if (!acceptLoss) throw new AnswerGoneError(node, place)
        return { leftOut: 'its answer is not recorded', isDeadLetter: false }
      },
    })
    await answers.load()
    return answers
  }

  async #drop(): Promise<void> {
    await this.close()
    await this.#options.scratch.reset()
  }

  async #spans(topics: readonly RebuiltTopic[]): Promise<ReadonlyMap<string, readonly Span[]>> {
    const { admin, partitions } = this.#options
    const all = topics.flatMap(({ topic }) => partitionsOf(topic, partitions))
    return groupedBy(await spansIn(admin, all), ({ topic }) => topic)
  }
}

function declared(rules: ReplayRules, kind: RebuiltTopic['kind'], name: string): ReplayRule {
  return (kind === 'store' ? rules.stores : rules.outputs)[name] ?? TABLE_RULE
}

/** Changelogs first: outputs follow from them. */
export function rebuiltTopics({ subtopologies }: Plan): readonly RebuiltTopic[] {
  const sources = new Set(subtopologies.flatMap(({ sourceTopics }) => sourceTopics))
  const stores = subtopologies.flatMap((subtopology) =>
    subtopology.stores.flatMap(({ spec, changelogTopic }): RebuiltTopic[] =>
      // A table read from its own topic is as it is.
      changelogTopic === null || sources.has(changelogTopic)
        ? []
        : [{ topic: changelogTopic, kind: 'store', name: spec.name }],
    ),
  )
  const outputs = new Set(
    subtopologies
      .flatMap(({ nodes }) => nodes)
      .flatMap((node) => (node.type === 'sink' && typeof node.topic === 'string' ? [node.topic] : []))
      .filter((topic) => !sources.has(topic)),
  )
  return [...stores, ...[...outputs].map((topic): RebuiltTopic => ({ topic, kind: 'output', name: topic }))]
}

function partitionsOf(topic: string, counts: ReadonlyMap<string, number>): readonly TopicPartition[] {
  return Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
}
