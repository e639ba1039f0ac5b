import { type ClusterPlan, layOverCluster } from '../../runtime/instance/cluster-plan.ts'
import { RunningInstance } from '../../runtime/instance/running-instance.ts'
import type { TopicNoticeListener } from '../../runtime/instance/topic-settings.ts'
import { topologyFingerprint } from '../../runtime/instance/topology-fingerprint.ts'
import type { UncaughtExceptionHandler } from '../../runtime/instance/uncaught-exceptions.ts'
import type { StreamsInstance } from '../../runtime/ports/instance.ts'
import type { InstanceListener } from '../../runtime/ports/instance-events.ts'
import type { LogAdmin } from '../../runtime/ports/log.ts'
import { ReplayUnfinishedError, replayStateOfOffsets } from '../../runtime/replay/replay-state.ts'
import { parseTaskId } from '../../runtime/task/task-id.ts'
import type { ThreadControl } from '../../runtime/thread/thread-control.ts'
import { bufferSizes } from '../../state/backends/buffer-sizes.ts'
import { StateDistrustedError, StreamsConfigError, TaskTimeoutError } from '../../state/ports/errors.ts'
import { StateDirectory } from '../../state/state-directory.ts'
import type { Plan } from '../../topology/plan.ts'
import { type Config, nameInEnvironment } from '../config/config.ts'
import type { NameOf } from '../config/given-values.ts'
import { kafkaConnection } from '../config/kafka-connection.ts'
import { connectKafka } from '../kafka/kafka.ts'
import type { KafkaAdmin } from '../kafka/kafka-admin.ts'
import { KafkaConnectionError } from '../kafka/protocol-error.ts'
import { tracingConfig } from '../tracing/index.ts'
import { addressIn, announce } from './announced-address.ts'
import { type AppDefinition, type LoadedApp, loadApp } from './app-definition.ts'
import { bootId } from './boot-id.ts'
import { leaveGroup } from './leave-group.ts'
import { leftOverState } from './left-over-state.ts'
import { requirePackages } from './optional-packages.ts'
import { instanceClock } from './real-clock.ts'
import { streamsConfig } from './streams-config.ts'
import { ThreadBudgets } from './thread-budgets.ts'
import type { ThreadSetup } from './thread-messages.ts'
import { isThreadOf, transactionalIdOf } from './transactional-ids.ts'
import { StreamWorkers } from './workers/index.ts'

/** Longer than the worst commit, short enough that a dead instance nobody replaces does not hold readers for long. */
const TRANSACTION_TIMEOUT_MS = 30_000

/** How long a rebalance waits for the ends of changelogs, and the watch for the input topics, when brokers do not answer. */
const ESTIMATE_TIMEOUT_MS = 2000

/** Where taskTimeoutMs is 0: a healthy cluster, too, may say "not yet", such as of a topic that was just made. */
const SHORTEST_START_MS = 60_000

/** The imports of infra/tracing/. */
const TRACING_PACKAGES = ['api', 'core', 'exporter-trace-otlp-http', 'resources', 'sdk-trace'].map(
  (name) => `@opentelemetry/${name}`,
)

export interface StartAppOptions {
  readonly config: Config
  /** Names of settings in errors. Default: as in the environment. */
  readonly nameOf?: NameOf
  /** A definition that every worker builds for itself, or a loaded application: that runs in this thread. */
  readonly app: AppDefinition | LoadedApp
  /** Workers of the definition that load already. A start that fails ends them. */
  readonly workers?: StreamWorkers | undefined
  readonly deadLetterTopic: string
  /** Called before the plan is laid over the cluster: makes the topics that the caller owns. */
  readonly prepare?: (admin: KafkaAdmin, onNotice: TopicNoticeListener) => Promise<void>
  /** Hears all that the instance and its stream threads tell. */
  readonly onEvent: InstanceListener
  /** Decides when a stream thread dies of an error; default: what UNCAUGHT_EXCEPTION_HANDLER says. */
  readonly uncaughtExceptionHandler?: UncaughtExceptionHandler
  /** Aborted, a start that waits for brokers fails, and the process leaves the group: an earlier life may be a member. */
  readonly signal?: AbortSignal
}

/** An instance that runs as a member of its group. */
export interface StartedApp extends StreamsInstance {
  /** Id of this process in the group, which the state directory keeps. Traces have it too. */
  readonly processId: string
}

/**
 * Starts an instance: state directory, stream threads in workers, group membership. Resolves when the first assignment is
 * handed over; stores may still be restoring. Output topics must exist (`prepare` creates what the caller owns).
 * @throws MissingTopicError, StreamsTopologyError, StateDirectoryError, StreamsConfigError, MissingPackageError, ReplayUnfinishedError,
 * TaskTimeoutError when brokers do not answer for taskTimeoutMs (a minute where it is 0) before the instance joins the group. The
 * join is tried again without end; KafkaConnectionError when the transactions of a member that is gone cannot be ended within a minute
 */
export async function startApp(options: StartAppOptions): Promise<StartedApp> {
  const { app, config } = options
  const workers = options.workers ?? ('plan' in app ? undefined : new StreamWorkers(app, config))
  try {
    return await start({ ...options, workers })
  } catch (error) {
    await workers?.discard()
    throw error
  }
}

async function start({
  config,
  nameOf = nameInEnvironment,
  app,
  workers,
  deadLetterTopic,
  prepare,
  onEvent,
  uncaughtExceptionHandler = () => config.uncaughtExceptionHandler,
  signal,
}: StartAppOptions): Promise<StartedApp> {
  if (config.otelEndpoint !== null) requirePackages(`traces (${nameOf('otelEndpoint')})`, TRACING_PACKAGES)
  const connection = kafkaConnection(config, nameOf)
  const limit = startLimit(config, nameOf)
  const kafka = connectKafka(connection)
  const giveUp = (): void => void kafka.close()
  signal?.addEventListener('abort', giveUp)
  let running: RunningInstance | null = null
  const closers: (() => Promise<void>)[] = [() => kafka.close()]
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  const { stateDir, applicationId } = config
  const opening = bootId().then((id) => StateDirectory.open({ stateDir, applicationId, bootId: id }))
  const opened = opening.catch(() => null) // the start fails with it
  closers.push(async () => await (await opened)?.close())
  try {
    const budgets = workers?.budgets ?? new ThreadBudgets(config)
    const onOpening = (): void => running?.threadChanged()
    workers?.listen(onEvent, onOpening)
    // The code of tasks is loaded only where tasks run.
    const inProcess = 'plan' in app ? await import('./in-process-thread.ts') : null
    const { plan: loaded } = 'plan' in app ? app : await loadApp(app)
    if (loaded.applicationId !== config.applicationId) {
      const [planned, configured] = [loaded.applicationId, config.applicationId].map((id) => JSON.stringify(id))
      throw new StreamsConfigError(`the plan is built for application ${planned}, the configuration says ${configured}`)
    }
    const { brokers, tls } = connection
    const admin = kafka.admin({
      replicationFactor: config.replicationFactor,
      timeoutMs: limit.timeoutMs,
      onWait: (waiting) => onEvent({ type: 'brokers-silent', brokers, isTls: tls !== false, ...waiting }),
    })
    signal?.throwIfAborted()
    const existingTopics = loaded.withTopics === undefined ? null : await admin.listTopics()
    const plan = loaded.withTopics?.(existingTopics ?? []) ?? loaded
    const layOut = async (): Promise<ClusterPlan> => {
      const onNotice: TopicNoticeListener = (notice) => onEvent({ type: 'topic-notice', notice })
      await prepare?.(admin, onNotice)
      return await layOverCluster(plan, admin, [deadLetterTopic], onNotice)
    }
    const [directory, cluster] = await Promise.all([opening, layOut()])
    const { distrusted } = directory
    if (distrusted.length > 0) onEvent({ type: 'recovered', error: new StateDistrustedError(distrusted) })
    const replayEpoch = await finishedReplay(admin, config.applicationId, cluster)
    await directory.adoptEpoch(replayEpoch)
    const leftOver = await leftOverState(directory, plan, config.stateBackend)
    const streams = { ...streamsConfig(config, deadLetterTopic, nameOf), replayEpoch }
    const isTransactional = streams.processingGuarantee === 'exactly_once_v2'
    const idOf = (index: number): string => transactionalIdOf(config.applicationId, directory.processId, index)
    const transactionalIds = Array.from({ length: isTransactional ? config.numStreamThreads : 0 }, (_, index) =>
      idOf(index),
    )
    const setup: Omit<ThreadSetup, 'transactionalId' | 'budget'> = {
      kafka: connection,
      config: streams,
      partitions: cluster.partitions,
      existingTopics,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      closeTimeoutMs: config.closeTimeoutMs,
      compression: config.compression,
      stateBackend: config.stateBackend,
      stateDirectory: directory.path,
      bufferSizes: bufferSizes(config.statestoreBuffersMaxBytes, storeCount(plan, cluster)),
      tracing: tracingConfig(config, directory.processId),
    }
    const newThread = (index: number): ThreadControl => {
      const transactionalId = isTransactional ? idOf(index) : null
      const own = { ...setup, budget: budgets.each, transactionalId }
      if (inProcess !== null && 'plan' in app) {
        return new inProcess.InProcessThread(own, {
          index,
          app,
          onEvent: (event) => (event.type === 'opening' ? onOpening() : onEvent(event, index)),
        })
      }
      const worker = (workers as StreamWorkers).take(index)
      worker.begin(own)
      budgets.begun(index, worker)
      return worker
    }
    const membership = kafka.membership({
      groupId: config.applicationId,
      groupInstanceId: directory.processId,
      sessionTimeoutMs: config.sessionTimeoutMs,
      info: {
        processId: directory.processId,
        transactionalIds,
        threads: config.numStreamThreads,
        ...(config.clientRack !== null && { rack: config.clientRack }),
        applicationServer: announce(config, directory.processId),
        topology: topologyFingerprint(plan),
      },
      assignment: {
        standbyReplicas: config.numStandbyReplicas,
        acceptableRecoveryLag: config.acceptableRecoveryLag,
        maxWarmupReplicas: config.maxWarmupReplicas,
      },
      probingIntervalMs: config.probingRebalanceIntervalMs,
      tasks: cluster.tasks,
      ...(isTransactional && {
        transactionsInProgress: async () =>
          (await kafka.transactionsInProgress()).filter((id) => isThreadOf(applicationId, id)),
      }),
      addressIn: (processId, announced) => addressIn(config, processId, announced),
    })
    const watching = kafka.admin({ timeoutMs: ESTIMATE_TIMEOUT_MS })
    const { withTopics } = loaded
    const matched = withTopics && {
      read: matchedTopics(plan),
      find: async () => [...matchedTopics(withTopics(await watching.listTopics()))],
    }
    const watch = kafka.watch((reach) => onEvent({ type: 'broker-reach', reach }))
    const instance = new RunningInstance({
      plan,
      tasks: cluster.tasks,
      inputs: cluster.inputs,
      ...(matched && { matched }),
      processId: directory.processId,
      clock: instanceClock,
      threads: config.numStreamThreads,
      ...(isTransactional && { transactions: { idOf, abort: (id) => kafka.fence([id]) } }),
      onThreads: (threads) => budgets.divide(threads),
      newThread,
      membership,
      admin: watching,
      brokers: () => watch.reach(),
      leftOver,
      cleanup: { state: directory, delayMs: config.stateCleanupDelayMs },
      uncaughtExceptionHandler,
      onEvent,
      onClosed: closeAll,
    })
    running = instance
    await instance.start()
    return instance
  } catch (error) {
    const directory = signal?.aborted ? await opened : null
    if (directory) {
      // A join that is under way ends first: it would make a member of the process again.
      await kafka.close()
      await leaveGroup(connection, config.applicationId, directory.processId)
    }
    await closeAll()
    // Only the admin has tried for that long. What the instance tries when it joins the group has limits of its own.
    if (!(error instanceof KafkaConnectionError) || running !== null || signal?.aborted) throw error
    throw new TaskTimeoutError(`the start with brokers ${connection.brokers.join(', ')}`, limit, error)
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** How long the start's admin tries, and what the user calls it. */
function startLimit(
  { taskTimeoutMs }: Config,
  nameOf: NameOf,
): { readonly timeoutMs: number; readonly setting: string } {
  const setting = nameOf('taskTimeoutMs')
  return taskTimeoutMs === 0
    ? { timeoutMs: SHORTEST_START_MS, setting: `${setting} is 0` }
    : { timeoutMs: taskTimeoutMs, setting }
}

/** Topics that only patterns name. */
function matchedTopics({ subtopologies, globalStores }: Plan): ReadonlySet<string> {
  const sources = subtopologies.flatMap(({ nodes }) => nodes.flatMap((node) => (node.type === 'source' ? [node] : [])))
  const named = sources.flatMap(({ topics, topicPattern }) => (topicPattern === undefined ? topics : []))
  const others = new Set([...named, ...globalStores.map(({ topic }) => topic)])
  const matched = sources.flatMap(({ topics, topicPattern }) => (topicPattern === undefined ? [] : topics))
  return new Set(matched.filter((topic) => !others.has(topic)))
}

/** Number of stores of all tasks: an instance has no more of them, whether active or standby. */
function storeCount({ subtopologies }: Plan, { tasks }: ClusterPlan): number {
  const counts = new Map(subtopologies.map(({ id, stores }) => [id, stores.length]))
  return tasks.reduce((sum, { taskId }) => sum + (counts.get(parseTaskId(taskId).subtopology) ?? 0), 0)
}

/**
 * Epoch of the last replay; 0 = there was none. It does not wait for stable offsets: a replay killed in a transaction would wait
 * for that transaction's timeout before it could abort it. Tasks read the stable ones when they open.
 */
async function finishedReplay(admin: LogAdmin, applicationId: string, { tasks }: ClusterPlan): Promise<number> {
  const sources = tasks.flatMap(({ partitions }) => partitions)
  const committed = await admin.committedOffsets(applicationId, sources, { stable: false })
  const replay = replayStateOfOffsets(committed)
  if (replay.isUnfinished) throw new ReplayUnfinishedError(applicationId, replay)
  return replay.epoch
}
