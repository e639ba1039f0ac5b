import { layOverCluster } from '../../../runtime/instance/cluster-plan.ts'
import type { StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import type { LogReader, LogWriter, OutputBatch } from '../../../runtime/ports/log.ts'
import { AnswersNotRecordedError } from '../../../runtime/replay/rebuild-options.ts'
import { REPLAY_HEADER, replayStateOfOffsets } from '../../../runtime/replay/replay-state.ts'
import { tryProcessors } from '../../../runtime/replay/try-processors.ts'
import type { StateBackend } from '../../../state/ports/backend.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import type { Header } from '../../../state/ports/headers.ts'
import { partitionName } from '../../../state/ports/topic-partition.ts'
import { REMOVED_HEADER } from '../../../state/stores/versioned-changelog.ts'
import { callersOf } from '../../../topology/calls-of-plan.ts'
import type { Plan } from '../../../topology/plan.ts'
import type { ReplayRules } from '../../../topology/replay-rule.ts'
import type { KafkaAdmin } from '../../kafka/kafka-admin.ts'
import { type GoneRange, type InputCut, isSameMoment, takeInputCut } from './input-cut.ts'
import { InstancesRunError, OffsetLock } from './offset-lock.ts'
import { ReplayRun, type TopicOutcome } from './replay-run.ts'
import { Scratch } from './scratch.ts'

/** Selects the rows that go to the output topics: those that differ, all of them, or none. */
export type Emit = 'changed' | 'all' | 'none'

export interface ReplayOptions {
  readonly plan: Plan
  readonly rules: ReplayRules
  readonly config: StreamsConfig
  readonly deadLetterTopic: string
  readonly admin: KafkaAdmin
  readonly reader: () => LogReader
  readonly writer: (transactionalId: string | null) => LogWriter
  readonly stateDir: string
  readonly stateBackend: StateBackend
  /** Leave out input from the first record of that time on (epoch ms); the application continues from there. */
  readonly toTime: number | null
  readonly emit: Emit
  /** Go on although retention has removed input. */
  readonly acceptLoss: boolean
  /** Input records per second at most. */
  readonly rate: number | null
  /** Aborted: stop at the next safe moment. */
  readonly signal: AbortSignal
  /** Most bytes of one transaction; default 4 MiB. */
  readonly batchBytes?: number
  readonly now: () => number
  readonly onProgress: (phase: 'rebuilding' | 'comparing', done: number, all: number) => void
}

/** Accept the loss, or give up: part of the input that the stores were made of is gone. */
export class InputGoneError extends StreamsError {
  readonly gone: readonly GoneRange[]
  constructor(gone: readonly GoneRange[], plan: Plan) {
    const ranges = gone.map((at) => `${partitionName(at)} below ${at.below}`).join(', ')
    const topics = new Set(gone.map(({ topic }) => topic))
    const hit = plan.subtopologies.filter(({ sourceTopics }) => sourceTopics.some((topic) => topics.has(topic)))
    const stores = storesBehind(
      plan,
      hit.map(({ id }) => id),
    ).join(', ')
    super(
      'INPUT_GONE',
      `retention has removed input (${ranges}): its rows would be missing from ${stores} and from what follows; --accept-loss replays what is left`,
    )
    this.gone = gone
  }
}

/** Nothing is lost; run it again, and until then the application will not start. */
export class ReplayInterruptedError extends StreamsError {
  constructor(isWriting: boolean) {
    super(
      'REPLAY_INTERRUPTED',
      isWriting
        ? 'interrupted while writing: run replay again to finish it; the application will not start before'
        : 'interrupted: nothing was changed',
    )
  }
}

/** Start the application first, or look at APPLICATION_ID: it has no committed offsets. */
export class NothingToReplayError extends StreamsError {
  constructor(applicationId: string) {
    super('NOTHING_TO_REPLAY', `${applicationId} has committed nothing yet: there is nothing to replay`)
  }
}

const BATCH_BYTES = 4 * 1024 * 1024

/*
 * The replay of an application.
 *
 *   1. refuse   instances run, or input is gone
 *   2. rebuild  everything beside the application, in a scratch directory: nothing on Kafka changes
 *   3. lock     a mark in the committed offsets; from here on the application does not start
 *   4. write    rows that differ: changelogs (deleted rows too) and outputs, in transactions of bounded size
 *   5. finish   the last transaction holds the offsets without the mark, and the epoch that makes local stores stale
 *
 * Killed before 3: nothing has happened. Killed behind it: the application refuses to start until a replay has finished; that
 * one begins at 1 and finds right what is written already.
 */
export class Replay {
  readonly #options: ReplayOptions
  readonly #id: string
  #run: ReplayRun | null = null
  #scratch: Scratch | null = null
  readonly #writers: LogWriter[] = []
  #reader: LogReader | null = null

  constructor(options: ReplayOptions, id = `${options.plan.applicationId}-replay`) {
    this.#options = options
    this.#id = id
  }

  /**
   * Step 1. Also tells what there is to do.
   * @throws AnswersNotRecordedError, StreamsTopologyError when a processor reads a global table, InstancesRunError, NothingToReplayError,
   * InputGoneError
   */
  async prepare({ mayRun }: { readonly mayRun: boolean }): Promise<InputCut> {
    const { acceptLoss, plan, config } = this.#options
    const silent = callersOf(plan).find(({ calls }) => calls.answers === null)
    if (silent !== undefined) throw new AnswersNotRecordedError(silent.name)
    if (plan.globalStores.length > 0) await tryProcessors(plan, config)
    if (!mayRun) await this.checkStopped()
    const cut = await this.takeCut()
    if (cut.committed.length === 0) throw new NothingToReplayError(plan.applicationId)
    if (cut.gone.length > 0 && !acceptLoss) throw new InputGoneError(cut.gone, plan)
    return cut
  }

  async checkStopped(): Promise<void> {
    const { admin, plan } = this.#options
    const group = await admin.describeGroup(plan.applicationId)
    if (group === null || group.members.length === 0) return
    const hosts = [...new Set(group.members.map(({ clientHost }) => clientHost.replace(/^\//, '')))].join(', ')
    throw new InstancesRunError(plan.applicationId, `${group.members.length} in the group, on ${hosts}`)
  }

  async takeCut(): Promise<InputCut> {
    const { admin, plan, deadLetterTopic, toTime } = this.#options
    // Looking creates and changes nothing.
    const looking = {
      describeTopics: (names: readonly string[]) => admin.describeTopics(names),
      createTopics: () => Promise.resolve(),
      topicSettings: () => Promise.resolve(new Map()),
      changeTopicSettings: () => Promise.resolve(),
    }
    const { tasks } = await layOverCluster(plan, looking, [deadLetterTopic])
    const repartitionTopics = new Set(plan.internalTopics.filter((t) => t.kind === 'repartition').map((t) => t.name))
    return takeInputCut({ admin, groupId: plan.applicationId, tasks, repartitionTopics, toTime })
  }

  /** Step 2. May be called again with a later cut. */
  async rebuild(cut: InputCut): Promise<ReplayRun> {
    const { signal } = this.#options
    try {
      this.#run ??= await this.#open()
      await this.#run.upTo(cut)
      return this.#run
    } catch (error) {
      throw signal.aborted ? new ReplayInterruptedError(false) : error
    }
  }

  /** Steps 3 to 5. The application must have stopped at that cut. */
  async finish(cut: InputCut): Promise<readonly TopicOutcome[]> {
    const { plan, writer, now, signal, toTime } = this.#options
    const run = await this.rebuild(cut)
    await this.checkStopped()
    if (!isSameMoment(cut, await this.takeCut()))
      throw new InstancesRunError(plan.applicationId, 'offsets moved meanwhile')
    const before = replayStateOfOffsets(cut.committed)
    const lock = new OffsetLock({
      applicationId: plan.applicationId,
      epoch: Math.max(now(), before.epoch + 1),
      isRewound: before.isRewound || toTime !== null,
      committed: cut.committed,
      plain: this.#keep(writer(null)),
      transactional: this.#keep(writer(`${plan.applicationId}-replay`)),
    })
    await lock.acquire()
    const output = new ReplayOutput(this.#options, lock)
    try {
      const topics = await output.write(run)
      await output.finish(await run.offsets(cut))
      return topics
    } catch (error) {
      const isWriting = output.hasWritten || before.isUnfinished
      if (!isWriting) await lock.release()
      throw signal.aborted ? new ReplayInterruptedError(isWriting) : error
    }
  }

  async close(): Promise<void> {
    await this.#run?.close()
    await this.#scratch?.close()
    await this.#reader?.close()
    for (const writer of this.#writers) await writer.close()
  }

  async #open(): Promise<ReplayRun> {
    const {
      admin,
      plan,
      rules,
      config,
      deadLetterTopic,
      stateDir,
      stateBackend,
      reader,
      rate,
      signal,
      onProgress,
      acceptLoss,
    } = this.#options
    const { tasks, partitions } = await layOverCluster(plan, admin, [deadLetterTopic])
    const cacheBytes = config.cacheMaxBytes
    this.#scratch = await Scratch.open({ stateDir, stateBackend, applicationId: this.#id, cacheBytes })
    this.#reader = reader()
    const scratch = this.#scratch
    const opened = {
      plan,
      rules,
      config,
      tasks,
      partitions,
      admin,
      reader: this.#reader,
      scratch,
      rate,
      acceptLoss,
      signal,
      onProgress,
    }
    return new ReplayRun(opened)
  }

  #keep(writer: LogWriter): LogWriter {
    this.#writers.push(writer)
    return writer
  }
}

/** Rows on their way to the topics, in transactions of bounded size. */
class ReplayOutput {
  readonly #options: ReplayOptions
  readonly #lock: OffsetLock
  readonly #header: Header
  #batch: OutputBatch
  hasWritten = false

  constructor(options: ReplayOptions, lock: OffsetLock) {
    this.#options = options
    this.#lock = lock
    this.#header = { key: REPLAY_HEADER, value: Buffer.from('1') }
    this.#batch = lock.newBatch()
  }

  write(run: ReplayRun): Promise<readonly TopicOutcome[]> {
    const { emit, now, batchBytes = BATCH_BYTES } = this.#options
    return run.compare(['store', 'output'], emit === 'all', async (at, kind, { key, value, timestamp, headers }) => {
      if (kind === 'output' && emit === 'none') return false
      const marked = kind === 'output' ? [...headers, this.#header] : value === null ? [REMOVED_HEADER] : headers
      this.#batch.append(at.topic, at.partition, key, value, timestamp ?? now(), marked)
      if (this.#batch.bytes >= batchBytes) await this.#send()
      return true
    })
  }

  finish(offsets: Parameters<OffsetLock['finish']>[1]): Promise<void> {
    // From here on it may be visible, whatever the answer.
    this.hasWritten = true
    return this.#lock.finish(this.#batch, offsets)
  }

  async #send(): Promise<void> {
    this.#options.signal.throwIfAborted()
    this.hasWritten = true
    await this.#lock.write(this.#batch)
    this.#batch = this.#lock.newBatch()
  }
}

/** Names of the stores that read these subtopologies' input, however far behind. */
function storesBehind(plan: Plan, ids: readonly number[]): readonly string[] {
  const behind = new Set(ids)
  for (let before = -1; before !== behind.size; ) {
    before = behind.size
    const sent = new Set(plan.subtopologies.filter(({ id }) => behind.has(id)).flatMap((s) => s.repartitionSinkTopics))
    for (const { id, sourceTopics } of plan.subtopologies) if (sourceTopics.some((t) => sent.has(t))) behind.add(id)
  }
  return plan.subtopologies
    .filter(({ id }) => behind.has(id))
    .flatMap(({ stores }) => stores.map(({ spec }) => spec.name))
}
