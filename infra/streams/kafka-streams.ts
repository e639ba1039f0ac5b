import { MatchedTopicsChangedError } from '../../runtime/instance/input-watch.ts'
import { threadName } from '../../runtime/instance/thread-name.ts'
import type { UncaughtExceptionHandler } from '../../runtime/instance/uncaught-exceptions.ts'
import {
  type BrokerReach,
  type CloseOptions,
  type InstanceState,
  type StoreQueries,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskStatus,
} from '../../runtime/ports/instance.ts'
import type { InstanceEvent, RestoreEvent } from '../../runtime/ports/instance-events.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import { DelegatedQueries } from '../../runtime/queries/delegated-queries.ts'
import { IllegalStateError, messageOf, StreamsConfigError, UserCodeError } from '../../state/ports/errors.ts'
import { deadLetterTopic } from '../../topology/dead-letter-topic.ts'
import type { Plan } from '../../topology/plan.ts'
import type { Config } from '../config/config.ts'
import { nameInCode } from '../config/given-values.ts'
import type { AppLog, Logger } from '../logging/index.ts'
import { SafeLogger } from '../logging/safe-logger.ts'
import type { AppDefinition, LoadedApp } from './app-definition.ts'
import { type KafkaStreamsConfig, type StreamsListeners, streamsSettings } from './kafka-streams-config.ts'
import { StoppedQueries } from './stopped-queries.ts'
import { StoreHandle } from './store-handle.ts'
import { type StreamsTopology, topologySource } from './streams-topology.ts'

export type StateListener = (to: InstanceState, from: InstanceState) => void

/** A stream thread of this process, and its tasks. (ThreadMetadata of Kafka Streams.) */
export interface ThreadMetadata {
  /** Index of the thread. */
  readonly thread: number
  readonly name: string
  readonly activeTasks: readonly TaskStatus[]
  readonly standbyTasks: readonly TaskStatus[]
}

/** Changelog records that a store of this process is behind. */
export interface StoreLag {
  readonly store: string
  readonly partition: number
  readonly lag: number
}

/*
 * A topology that runs on Kafka, from CREATED to NOT_RUNNING or ERROR.
 * 1. It is started once. Handlers and listeners are set before.
 * 2. Before start() has joined the group, and after the end, queries throw StoreUnavailableError.
 * 3. Each change of state is told once: to the listener, and as a line of log.
 * 4. What a listener of states throws is a line of log: it changes neither the state nor what stop and start do.
 */
export class KafkaStreams extends DelegatedQueries implements StreamsInstance {
  /** Resolves with null after close(), or with the error that stopped the instance or its start. */
  readonly stopped: Promise<Error | null>
  #config: Config
  readonly #listeners: StreamsListeners
  readonly #app: AppDefinition | LoadedApp
  readonly #logger: Logger | null
  /** From the start on: programs that only build a topology load none of it. */
  #log: AppLog | null = null
  #instance: StreamsInstance | null = null
  #starting: Promise<StreamsInstance> | null = null
  readonly #givesUp = new AbortController()
  #state: InstanceState = 'CREATED'
  #stop: (error: Error | null) => void = () => undefined
  #stateListener: StateListener | null = null
  #uncaughtExceptionHandler: UncaughtExceptionHandler | null = null
  #restoreListener: ((event: RestoreEvent) => void) | null = null

  /**
   * @param topology a Topology: it runs in this thread, and may be made of closures. Or the URL of a module that exports one as
   * `topology`: it runs in numStreamThreads worker threads, each of which loads the module.
   * @throws StreamsConfigError, StreamsTopologyError
   */
  constructor(topology: StreamsTopology, config: KafkaStreamsConfig) {
    super()
    const { settings, listeners, logger } = streamsSettings(config)
    this.#config = settings
    this.#listeners = listeners
    this.#app = topologySource(topology, settings)
    this.#logger = logger === null ? null : SafeLogger.of(logger)
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  /**
   * Joins the group. Resolves when the first assignment is there; stores may still be restoring: state() is RUNNING when they are done.
   * The topics that the topology reads and writes must exist; the dead letter topic and internal topics are made.
   * @throws TaskTimeoutError when brokers do not answer for taskTimeoutMs (a minute where it is 0) before the instance joins the group;
   * the join is tried again without end. MissingTopicError, StreamsTopologyError, StateDirectoryError, StreamsConfigError;
   * IllegalStateError for a second call, and when close() is called before the start is over
   */
  async start(): Promise<void> {
    if (this.#state !== 'CREATED' || this.#starting !== null) {
      throw new IllegalStateError(
        `start() is called once, state is ${this.#state}: make a new KafkaStreams to start again`,
      )
    }
    const starting = this.#start()
    this.#starting = starting
    await starting
  }

  async #start(): Promise<StreamsInstance> {
    const { applicationId, logLevel } = this.#config
    const app = this.#app
    // The workers load their modules while this thread loads the rest of its own.
    const workers =
      'plan' in app ? undefined : new (await import('./workers/index.ts')).StreamWorkers(app, this.#config)
    const [{ AppLog, createLogger }, { ensureDeadLetterTopic }, { startApp }] = await Promise.all([
      import('../logging/index.ts'),
      import('./dead-letters/ensure-topic.ts'),
      import('./start-app.ts'),
    ])
    try {
      const log = new AppLog(this.#logger ?? createLogger({ level: logLevel }))
      this.#log = log
      this.#become('REBALANCING')
      const instance = await startApp({
        config: this.#config,
        nameOf: nameInCode,
        app,
        workers,
        deadLetterTopic: deadLetterTopic(applicationId),
        prepare: (admin, onNotice) => ensureDeadLetterTopic(admin, deadLetterTopic(applicationId), onNotice),
        onEvent: (event, thread) => {
          if (!this.#isHeard(event)) log.write(event, thread)
        },
        signal: this.#givesUp.signal,
        ...(this.#uncaughtExceptionHandler && { uncaughtExceptionHandler: this.#uncaughtExceptionHandler }),
      })
      this.#instance = instance
      void instance.stopped.then((error) => this.#ended(error))
      return instance
    } catch (error) {
      const isClosed = this.#givesUp.signal.aborted
      this.#stop(isClosed ? null : error instanceof Error ? error : new Error(String(error)))
      this.#become(isClosed ? 'NOT_RUNNING' : 'ERROR')
      if (isClosed) throw new IllegalStateError('close() was called before the start was over', { cause: error })
      throw error
    }
  }

  /** When patterns match other topics, tasks are others: the instance is made anew, and remains a member meanwhile. */
  #ended(error: Error | null): void {
    const isRestarted = error instanceof MatchedTopicsChangedError && !this.#givesUp.signal.aborted
    if (!isRestarted) {
      if (error !== null) this.#log?.stopped(error)
      this.#stop(error)
      return
    }
    // Threads that came or went remain so.
    this.#config = { ...this.#config, numStreamThreads: this.threads() }
    this.#instance = null
    this.#starting = this.#start()
    this.#starting.catch((failure: Error) => {
      if (!this.#givesUp.signal.aborted) this.#log?.stopped(failure)
    })
  }

  state(): InstanceState {
    return this.#state
  }

  plan(): Plan | null {
    return this.#instance?.plan() ?? ('plan' in this.#app ? this.#app.plan : null)
  }

  /** All settings, defaults included. */
  get settings(): Config {
    return this.#config
  }

  /** The logger of the configuration, whose faults reach nobody; null: it has none, and lines go to stdout. */
  get logger(): Logger | null {
    return this.#logger
  }

  /** Called after each change of state. Replaces the listener of before. */
  setStateListener(listener: StateListener | null): void {
    this.#expectCreated('setStateListener()')
    this.#stateListener = listener
  }

  /** Decides what happens when a stream thread dies of an error. Default: what uncaughtExceptionHandler of the configuration says. */
  setUncaughtExceptionHandler(handler: UncaughtExceptionHandler | null): void {
    this.#expectCreated('setUncaughtExceptionHandler()')
    this.#uncaughtExceptionHandler = handler
  }

  /** Called with the progress of restores of active tasks' stores, instead of lines of log. */
  setGlobalStateRestoreListener(listener: ((event: RestoreEvent) => void) | null): void {
    this.#expectCreated('setGlobalStateRestoreListener()')
    this.#restoreListener = listener
  }

  async pause(): Promise<void> {
    await this.#running().pause()
  }

  async resume(): Promise<void> {
    await this.#running().resume()
  }

  isPaused(): boolean {
    return this.#instance?.isPaused() ?? false
  }

  /** Stops cleanly: last commit, release of the tasks, leave the group. A start that waits for brokers fails. Closing again is fine. */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#starting === null) {
      if (this.#state === 'CREATED') {
        this.#become('NOT_RUNNING')
        this.#stop(null)
      }
      return
    }
    if (this.#instance === null) this.#givesUp.abort()
    const starting = this.#starting
    const instance = await starting.catch(() => null) // start() has thrown it
    await instance?.close(options)
    // It was about to be made anew for other topics, and the next start has begun.
    if (this.#starting !== starting) await this.close(options)
  }

  async tasks(): Promise<readonly TaskStatus[]> {
    return (await this.#instance?.tasks()) ?? []
  }

  async metadataForLocalThreads(): Promise<readonly ThreadMetadata[]> {
    const tasks = await this.tasks()
    return Array.from({ length: this.threads() }, (_, thread) => {
      const own = tasks.filter((task) => task.thread === thread)
      return {
        thread,
        name: threadName(thread),
        activeTasks: own.filter(({ state }) => state !== 'standby'),
        standbyTasks: own.filter(({ state }) => state === 'standby'),
      }
    })
  }

  threads(): number {
    return this.#instance?.threads() ?? this.#config.numStreamThreads
  }

  /**
   * Adds a stream thread to those of this instance. Resolves with its name when tasks are dealt to it too; stores may still be
   * restoring. null: the state is neither RUNNING nor REBALANCING. Memory is divided anew: all threads have equal shares of it then.
   * @throws StreamsConfigError when the topology was given as a Topology: functions do not cross threads
   */
  async addStreamThread(): Promise<string | null> {
    if ('plan' in this.#app) {
      throw new StreamsConfigError(
        'addStreamThread(): threads need the URL of a module that exports the topology, because functions do not cross threads',
      )
    }
    return (await this.#begun())?.addStreamThread() ?? null
  }

  /**
   * Ends the stream thread with the highest index, after its tasks have gone to the other threads or to other instances. Resolves with
   * its name. null: it is the only one (close() ends the instance), or the state is neither RUNNING nor REBALANCING.
   */
  async removeStreamThread(): Promise<string | null> {
    return (await this.#begun())?.removeStreamThread() ?? null
  }

  /** The stores of this process that have a changelog and are not up to date: those that are restored, and standbys. */
  async allLocalStorePartitionLags(): Promise<readonly StoreLag[]> {
    const tasks = await this.tasks()
    return tasks.flatMap(({ restore }) =>
      restore.map(({ store, partition, remaining }) => ({ store, partition, lag: remaining })),
    )
  }

  brokers(): BrokerReach {
    return this.#instance?.brokers() ?? { known: [], silent: [] }
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return (await this.#instance?.metrics()) ?? []
  }

  /** The queries of one store, in the types of its serdes. */
  store<K = unknown, V = unknown>(name: string): StoreHandle<K, V> {
    return new StoreHandle<K, V>(this, name)
  }

  /**
   * Removes the state of this application from stateDir: the next start restores it from the changelogs.
   * @throws IllegalStateError while it runs; StateDirectoryError
   */
  async cleanUp(): Promise<void> {
    if (!['CREATED', 'NOT_RUNNING', 'ERROR'].includes(this.#state)) {
      throw new IllegalStateError(`cleanUp() is for streams that do not run, state is ${this.#state}`)
    }
    const { stateDir, applicationId } = this.#config
    const { StateDirectory } = await import('../../state/state-directory.ts')
    const directory = await StateDirectory.open({ stateDir, applicationId })
    try {
      for (const taskId of await directory.taskIds()) await directory.removeTask(taskId)
    } finally {
      await directory.close()
    }
  }

  protected get queries(): StoreQueries {
    const isOver = this.#state === 'NOT_RUNNING' || this.#state === 'ERROR'
    return isOver || this.#instance === null ? new StoppedQueries(this.#state) : this.#instance
  }

  /** The instance, after a start that is under way; null: there is none. */
  async #begun(): Promise<StreamsInstance | null> {
    return (await this.#starting?.catch(() => null)) ?? null // start() has thrown it
  }

  #running(): StreamsInstance {
    if (this.#instance === null) throw new StoreUnavailableError(`the streams do not run, state is ${this.#state}`)
    return this.#instance
  }

  #expectCreated(call: string): void {
    if (this.#state !== 'CREATED' || this.#starting !== null) {
      throw new IllegalStateError(`${call} comes before the start, state is ${this.#state}`)
    }
  }

  /** Invariant 3. */
  #become(to: InstanceState): void {
    const from = this.#state
    if (from === to) return
    this.#state = to
    this.#log?.write({ type: 'state', from, to })
    try {
      this.#stateListener?.(to, from)
    } catch (error) {
      this.#tellFailed('the state listener', error)
    }
  }

  #tellFailed(what: string, error: unknown): void {
    const failure = new UserCodeError(`${what} failed: ${messageOf(error)}`, { cause: error })
    this.#log?.write({ type: 'listener-failed', error: failure })
  }

  /** Calls the listener of the user that the event is for. False: a line of log is to tell it, as when the listener throws. */
  #isHeard(event: InstanceEvent): boolean {
    try {
      return this.#tell(event)
    } catch (error) {
      this.#tellFailed(`the listener of ${event.type} events`, error)
      return false
    }
  }

  #tell(event: InstanceEvent): boolean {
    const { onRecovered, onInputLost, onMisplacedKeys } = this.#listeners
    switch (event.type) {
      case 'state':
        this.#become(event.to)
        return true
      case 'recovered':
        onRecovered?.(event.error)
        return onRecovered !== undefined
      case 'input-lost':
        onInputLost?.(event.lost)
        return onInputLost !== undefined
      case 'misplaced-keys':
        onMisplacedKeys?.(event.keys)
        return onMisplacedKeys !== undefined
      case 'restore':
        this.#restoreListener?.(event.restore)
        return this.#restoreListener !== null
      default:
        return false
    }
  }
}
