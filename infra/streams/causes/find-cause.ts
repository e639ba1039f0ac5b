import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { CauseSearch, isSameBytes } from '../../../runtime/causes/cause-search.ts'
import type { Chain } from '../../../runtime/causes/chain.ts'
import { ChainRecorder, type RecordedChain } from '../../../runtime/causes/chain-recorder.ts'
import { RecordText } from '../../../runtime/causes/record-text.ts'
import { type Asked, onlyPartition, relevantPlan } from '../../../runtime/causes/relevant-tasks.ts'
import { tracedPlan } from '../../../runtime/causes/traced-plan.ts'
import { layOverCluster, sinkTopics } from '../../../runtime/instance/cluster-plan.ts'
import type { ExceptionHandler, StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import type { TaskPartitions } from '../../../runtime/ports/membership.ts'
import { Rebuild } from '../../../runtime/replay/rebuild.ts'
import type { InputSpan, StepInput } from '../../../runtime/replay/rebuild-options.ts'
import { GlobalState } from '../../../runtime/restore/global-state.ts'
import { isStoppedByRecord } from '../../../runtime/task/exception-handlers.ts'
import { PoisonedRecords } from '../../../runtime/task/poisoned-records.ts'
import { prepareSerdes, prepareSource } from '../../../runtime/task/prepare-serdes.ts'
import { parseTaskId } from '../../../runtime/task/task-id.ts'
import { ThreadMetrics } from '../../../runtime/thread/thread-metrics.ts'
import type { StateBackend } from '../../../state/ports/backend.ts'
import { StreamsError, StreamsTopologyError } from '../../../state/ports/errors.ts'
import { bufferOf } from '../../../state/ports/serde.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import type { Plan } from '../../../topology/plan.ts'
import { deadLetterOf, type RecordPlace } from '../dead-letters/dead-letter.ts'
import { realClock } from '../real-clock.ts'
import { AnswerLog } from '../replay/answer-log.ts'
import { Feed } from '../replay/run-rebuild.ts'
import { Scratch } from '../replay/scratch.ts'
import { scanSpans, spansIn } from '../topics/log-scan.ts'
import { planTopics, type TopicRole } from '../topics/plan-topics.ts'
import { ForeignTopicError, readRecord } from './asked-record.ts'
import type { Cause, HowKnown } from './cause.ts'

export interface FindCauseOptions {
  readonly plan: Plan
  readonly config: StreamsConfig
  readonly deadLetterTopic: string
  readonly admin: LogAdmin
  readonly reader: () => LogReader
  readonly stateDir: string
  readonly stateBackend: StateBackend
  /** Aborted: stop. */
  readonly signal: AbortSignal
  /** Offsets of the input that are read, of how many at most. */
  readonly onProgress: (done: number, all: number) => void
}

/** Nothing was changed. */
export class SearchInterruptedError extends StreamsError {
  constructor() {
    super('SEARCH_INTERRUPTED', 'interrupted: nothing was changed')
  }
}

const STEPS_PER_TURN = 200
const STEPS_PER_FLUSH = 20_000

/**
 * Finds the input record that caused a record, by processing the input again beside the application; nothing on Kafka changes.
 * @throws NoSuchRecordError, ForeignTopicError, StreamsTopologyError (see Rebuild.open), StateDirectoryError when another one runs here;
 * when no exception handler lets a record pass that comes before the answer: its error
 */
export async function findCause(place: RecordPlace, options: FindCauseOptions): Promise<Cause> {
  const reader = options.reader()
  try {
    return await new CauseFinder(place, options, reader).find()
  } catch (error) {
    throw options.signal.aborted ? new SearchInterruptedError() : error
  } finally {
    await reader.close()
  }
}

/** One search. */
class CauseFinder {
  readonly #place: RecordPlace
  readonly #options: FindCauseOptions
  readonly #reader: LogReader
  readonly #text: RecordText

  constructor(place: RecordPlace, options: FindCauseOptions, reader: LogReader) {
    this.#place = place
    this.#options = options
    this.#reader = reader
    this.#text = new RecordText(options.plan)
  }

  async find(): Promise<Cause> {
    const { admin, plan } = this.#options
    const role = this.#roleOf(this.#place.topic)
    const record = await readRecord({ admin, reader: this.#reader }, this.#place)
    const letter = role === 'dead-letter' ? deadLetterOf(this.#place.partition, record) : null
    const source = letter?.source ?? null
    const shown = {
      record: { ...this.#text.logged(source ?? this.#place, record), ...this.#place },
      role,
      death: letter === null ? null : { reason: letter.reason, exception: letter.exception, message: letter.message },
    }
    const isWritten = plan.subtopologies.some(({ nodes }) =>
      nodes.some((node) => node.type === 'sink' && node.topic === this.#place.topic),
    )
    const inputPlace = role === 'input' && !isWritten ? this.#place : source
    const isRead = inputPlace !== null && this.#roleOf(inputPlace.topic) === 'input'
    if (isRead) this.#refuseGlobal(inputPlace.topic)
    const how = source === null ? 'is-input' : 'named'
    return { ...shown, ...(isRead ? await this.#trace(inputPlace, how, record) : await this.#search(record, source)) }
  }

  /** The place of the input record is known. Of a dead letter nothing but its death is of interest. */
  async #trace(place: RecordPlace, how: HowKnown, asked: LogRecord): Promise<Finding> {
    const isHere = (at: RecordPlace): boolean => isAt(place, at) && at.offset === place.offset
    const found: RecordedChain[] = []
    const run = await this.#run({
      asked: { ...place, is: 'read' },
      withEffects: how === 'is-input',
      until: place,
      wants: ({ topic, partition, raw }) => isHere({ topic, partition, offset: raw.offset }),
      onChain: (recorded) => found.push(recorded),
      isOver: () => found.length > 0,
    })
    const recorded = found[0] ?? run.failed
    if (recorded === null) return { ...run.told, ...NOT_FOUND, how }
    const { chain, written } = recorded
    let path = chain.steps.map((_, index) => index)
    if (how === 'named') {
      const isLetter = ([letter]: (typeof written)[number]): boolean =>
        letter.topic === this.#place.topic && isSameBytes(letter.value, asked.value)
      const letter = written.find(isLetter)
      if (letter !== undefined) letter[1].isAskedFor = true
      path = [...pathTo(chain, letter === undefined ? 0 : chain.steps.indexOf(letter[2]))]
    }
    return { ...run.told, how, input: chain.steps[0]?.record ?? null, alike: null, chain, path }
  }

  /** The record must be written again to be known. */
  async #search(record: LogRecord, source: RecordPlace | null): Promise<Finding> {
    const { admin } = this.#options
    const at = this.#place
    const settings = (await admin.topicSettings([at.topic])).get(at.topic)
    const search = new CauseSearch({
      at,
      record,
      ignoresTime: settings?.get('message.timestamp.type') === 'LogAppendTime',
      earlier: await this.#countEarlier(record),
      orRead: source,
    })
    const run = await this.#run({
      asked: source === null ? { ...at, is: 'written' } : { ...source, is: 'read' },
      withEffects: false,
      until: null,
      wants: () => true,
      onChain: (recorded) => search.consider(recorded),
      isOver: () => search.isOver,
    })
    const found = search.best
    // The record may stand behind the one that ended the search.
    if (run.failed?.failure && found?.likeness !== 'same') throw run.failed.failure.error
    if (found === null) return { ...run.told, ...NOT_FOUND }
    found.written.isAskedFor = true
    const { chain } = found.recorded
    const { likeness: how, number, of } = found
    const last = found.written.topic === at.topic ? chain.steps.indexOf(found.step) : (found.written.next ?? 0)
    return {
      ...run.told,
      how,
      input: chain.steps[0]?.record ?? null,
      alike: { number, of },
      chain,
      path: pathTo(chain, last),
    }
  }

  /** No task processes records that only fill global tables. */
  #refuseGlobal(topic: string): void {
    const { subtopologies } = this.#options.plan
    if (subtopologies.some(({ sourceTopics }) => sourceTopics.includes(topic))) return
    throw new StreamsTopologyError(`${topic} fills a global table, which cannot be processed again`)
  }

  #roleOf(topic: string): TopicRole {
    const { plan, deadLetterTopic } = this.#options
    const topics = planTopics(plan)
    const known = topics.find(({ name }) => name === topic)
    if (known !== undefined) return known.role
    if (topic === deadLetterTopic) return 'dead-letter'
    const nodes = plan.subtopologies.flatMap((subtopology) => subtopology.nodes)
    if (nodes.some((node) => node.type === 'sink' && typeof node.topic !== 'string')) return 'output'
    const own = topics.map(({ name }) => name)
    throw new ForeignTopicError(topic, plan.applicationId, own)
  }

  async #countEarlier({ key, value, timestamp }: LogRecord): Promise<{ all: number; sameTime: number }> {
    const { admin, signal } = this.#options
    const { topic, partition, offset } = this.#place
    const [from = 0] = await admin.earliestOffsets([this.#place])
    const earlier = { all: 0, sameTime: 0 }
    const spans = [{ topic, partition, from, to: offset }]
    const scan = scanSpans({ reader: this.#reader, admin, spans, signal, openTransactions: 'stop' })
    for await (const { records } of scan) {
      for (const record of records) {
        if (!isSameBytes(record.key, key) || !isSameBytes(record.value, value)) continue
        earlier.all++
        if (record.timestamp === timestamp) earlier.sameTime++
      }
    }
    signal.throwIfAborted()
    return earlier
  }

  async #run(search: Search): Promise<Run> {
    const { config, stateDir, stateBackend } = this.#options
    const part = await this.#layOut(search)
    const applicationId = `${part.plan.applicationId}-why`
    const scratch = await Scratch.open({ stateDir, stateBackend, applicationId, cacheBytes: config.cacheMaxBytes })
    try {
      return await this.#process(search, part, scratch)
    } finally {
      await scratch.close()
    }
  }

  async #layOut({ asked, withEffects, until }: Search): Promise<Part> {
    const { admin, deadLetterTopic } = this.#options
    const whole = this.#options.plan
    const laid = await layOverCluster(whole, lookingOnly(admin, sinkTopics(whole)))
    const plan = relevantPlan(whole, asked, withEffects)
    const only = onlyPartition(plan, asked)
    const tasks = laid.tasks.filter(({ taskId }) => {
      const { subtopology, partition } = parseTaskId(taskId)
      return plan.subtopologies.some(({ id }) => id === subtopology) && (only === null || only === partition)
    })
    const isInner = (topic: string): boolean =>
      plan.internalTopics.some(({ name, kind }) => name === topic && kind === 'repartition')
    const sources = tasks.flatMap(({ partitions }) => partitions).filter(({ topic }) => !isInner(topic))
    const input = (await spansIn(admin, sources)).map((span): InputSpan => {
      return until !== null && isAt(until, span) ? { ...span, to: until.offset + 1 } : span
    })
    const others = await admin.describeTopics([deadLetterTopic, this.#place.topic])
    const counts = [...others.values()].map(({ name, partitions }) => [name, partitions] as const)
    return {
      plan,
      taskIds: tasks.map(({ taskId }) => taskId),
      input,
      partitions: new Map([...counts, ...laid.partitions]),
      order: tasks.some((task) => hasSeveralWriters(task, tasks, plan)) ? 'timestamps' : 'log',
    }
  }

  async #process(search: Search, part: Part, scratch: Scratch): Promise<Run> {
    const { config, admin, reader, signal } = this.#options
    const { plan, partitions } = part
    const globals = new GlobalState({
      ...{ plan, partitions, admin, clock: realClock, metrics: new ThreadMetrics() },
      config: neverStopping(config),
      newRestoreReader: reader,
      ...{ onNews: () => undefined, onEvent: () => undefined, onApplied: () => undefined },
    })
    try {
      // The log does not say what they were then.
      await globals.read(() => signal.aborted)
      signal.throwIfAborted()
      return await this.#processBeside(globals, search, part, scratch)
    } finally {
      await globals.close()
    }
  }

  async #processBeside(
    globals: GlobalState,
    { wants, onChain, isOver }: Search,
    part: Part,
    scratch: Scratch,
  ): Promise<Run> {
    const { config, signal, onProgress } = this.#options
    const { plan, taskIds, input, partitions } = part
    const inputs = new Set(input.map(partitionKey))
    let processed = 0
    let last = ''
    const recorder = new ChainRecorder({
      text: this.#text,
      wants(one) {
        const name = `${partitionKey(one)}:${one.raw.offset}`
        // One that throws comes twice.
        if (name !== last && inputs.has(partitionKey(one))) processed++
        last = name
        return wants(one)
      },
      onChain,
    })
    for (const subtopology of plan.subtopologies) {
      await prepareSerdes(subtopology)
      for (const node of subtopology.nodes) if (node.type === 'source') await prepareSource(node)
    }
    const missing = new Map<string, number>()
    const answers = new AnswerLog({
      ...{ plan, partitions, admin: this.#options.admin, reader: this.#reader, scratch, signal },
      onMissing(node) {
        missing.set(node, (missing.get(node) ?? 0) + 1)
        recorder.note(`${node} was called, and its answer is not recorded`)
        return { leftOut: '', isDeadLetter: false }
      },
      onTaken(node, end) {
        if (end === 'unanswered') recorder.note(`${node} has no answer yet`)
        else if ('leftOut' in end) recorder.note(`${node} failed, and the record was left out: ${end.leftOut}`)
      },
    })
    await answers.load()
    const globalTables = new Set<string>()
    const isChangelog = this.#roleOf(this.#place.topic) === 'changelog'
    const rebuild = await Rebuild.open({
      answers,
      globalStores: {
        get(name) {
          const store = globals.stores.get(name)
          if (store !== undefined) globalTables.add(name)
          return store
        },
      },
      plan: tracedPlan(plan, recorder),
      config: neverStopping(config),
      taskIds,
      partitions,
      input,
      tickEnd: () => 0,
      openStore: scratch.openStore,
      onOutput: () => undefined,
      onChangelog(at, key, value, timestamp, headers) {
        const row = { ...at, offset: null, key: bufferOf(key), value: bufferOf(value), timestamp, headers }
        if (isChangelog) recorder.wrote(row)
      },
      poisoned: new PoisonedRecords(),
    })
    const all = input.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
    let read = 0
    const feed = new Feed({
      rebuild,
      reader: this.#reader,
      signal,
      onProgress(passed) {
        read += passed
        onProgress(read, all)
      },
    })
    let failed: RecordedChain | null = null
    try {
      for (let steps = 1; !isOver(); steps++) {
        signal.throwIfAborted()
        if (steps % STEPS_PER_TURN === 0) await yieldToEvents()
        if (steps % STEPS_PER_FLUSH === 0) await scratch.flush()
        if (await rebuild.step(recorder)) continue
        if (rebuild.isDone || !(await feed.next())) break
      }
    } catch (error) {
      failed = isStoppedByRecord(error) ? recorder.giveUp() : null
      if (failed === null || signal.aborted) throw error
    } finally {
      await feed.stop()
      await rebuild.close()
    }
    const gone = input.filter(({ from }) => from > 0)
    return {
      failed,
      told: {
        processed,
        gone: gone.map(({ topic, partition, from }) => ({ topic, partition, below: from })),
        missingAnswers: [...missing].map(([node, calls]) => ({ node, calls })),
        order: part.order,
        globalTables: [...globalTables].sort(),
        clocks: [...recorder.clocks],
      },
    }
  }
}

type Finding = Omit<Cause, 'record' | 'role' | 'death'>

const NOT_FOUND = { how: null, input: null, alike: null, chain: null, path: [] }

/** The tasks to run, and when they have done enough. */
interface Search {
  readonly asked: Asked
  readonly withEffects: boolean
  /** Nothing of this partition behind this record is read. */
  readonly until: RecordPlace | null
  readonly wants: (input: StepInput) => boolean
  readonly onChain: (recorded: RecordedChain) => void
  readonly isOver: () => boolean
}

/** The tasks that run, and the input they get. */
interface Part {
  readonly plan: Plan
  readonly taskIds: readonly string[]
  readonly input: readonly InputSpan[]
  readonly partitions: ReadonlyMap<string, number>
  readonly order: Cause['order']
}

interface Run {
  readonly told: Pick<Cause, 'processed' | 'gone' | 'missingAnswers' | 'order' | 'globalTables' | 'clocks'>
  /** The chain of a record that no exception handler lets pass, which ended the search; null: nothing did. */
  readonly failed: RecordedChain | null
}

/** The search passes every record that the application has passed, whatever its configuration says today. */
function neverStopping(config: StreamsConfig): StreamsConfig {
  const passing = (handler: ExceptionHandler): ExceptionHandler => (handler === 'fail' ? 'dead-letter' : handler)
  return {
    ...config,
    deserializationExceptionHandler: passing(config.deserializationExceptionHandler),
    processingExceptionHandler: passing(config.processingExceptionHandler),
    productionExceptionHandler: passing(config.productionExceptionHandler),
  }
}

/** Looking creates and changes nothing. New code may write to topics that are not there yet. */
function lookingOnly(admin: LogAdmin, outputs: readonly string[]): Parameters<typeof layOverCluster>[1] {
  return {
    async describeTopics(names) {
      const found = await admin.describeTopics(names)
      const missing = names.filter((name) => outputs.includes(name) && !found.has(name))
      return new Map([...missing.map((name) => [name, { name, id: '', partitions: 1 }] as const), ...found])
    },
    createTopics: () => Promise.resolve(),
    topicSettings: () => Promise.resolve(new Map()),
    changeTopicSettings: () => Promise.resolve(),
  }
}

/** The task gets records of more than one partition, or of one that several tasks write. */
function hasSeveralWriters(
  { partitions }: TaskPartitions,
  tasks: readonly TaskPartitions[],
  { subtopologies }: Plan,
): boolean {
  const [only] = partitions
  if (only === undefined || partitions.length > 1) return partitions.length > 1
  const writers = subtopologies.filter(({ repartitionSinkTopics }) => repartitionSinkTopics.includes(only.topic))
  return tasks.filter(({ taskId }) => writers.some(({ id }) => id === parseTaskId(taskId).subtopology)).length > 1
}

/** The steps that lead to one. */
function pathTo({ steps }: Chain, last: number): readonly number[] {
  const path: number[] = []
  for (let at: number | null = last; at !== null; at = steps[at]?.from ?? null) path.unshift(at)
  return path
}

function isAt(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}
