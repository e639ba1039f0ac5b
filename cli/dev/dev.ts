import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadRideConfig, type RideConfig } from '../../app/config/ride-config.ts'
import { rideViews } from '../../app/http/ride-views.ts'
import { createRideTopics } from '../../app/topics/create-topics.ts'
import { configWarnings, hostPorts, requireBrokers } from '../../infra/config/index.ts'
import { bindProblem } from '../../infra/http/port/index.ts'
import {
  holderOf,
  kafkaProgressLine,
  ProcessLock,
  type ResolvedKafka,
  resolveKafka,
} from '../../infra/local-kafka/index.ts'
import { createLogger, errorFields, SafeLogger } from '../../infra/logging/index.ts'
import { latestLetters } from '../../infra/streams/dead-letters/index.ts'
import { noRoomError } from '../../state/index.ts'
import { openApplication } from '../application.ts'
import { CommandFailedError } from '../errors.ts'
import { withKafka } from '../kafka-clients.ts'
import { printLine } from '../output.ts'
import { onShutdown, type ShutdownRequest } from '../signals.ts'
import { Dashboard } from './dashboard.ts'
import { RideFeed } from './feed.ts'
import { runLiveView } from './live-view.ts'

export interface DevOptions {
  /** Event seconds per second. */
  readonly speed: number
}

/** Runs everything a newcomer needs until the first SIGINT or SIGTERM, and then closes it. */
export async function runDev({ speed }: DevOptions): Promise<void> {
  const configured = loadRideConfig(process.env)
  const turn = await takeTurn(configured)
  try {
    await runAlone({ configured, speed, turn })
  } finally {
    await turn.release()
  }
}

/**
 * One dev at a time works on a STATE_DIR.
 * @throws CommandFailedError at once, with the address of the other one; StateDirectoryError when there is no room
 */
async function takeTurn(config: RideConfig): Promise<ProcessLock> {
  const path = join(resolve(config.stateDir), 'dev.lock')
  const { httpHost, httpPort } = config
  const turn = await ProcessLock.take(
    path,
    httpPort === 0 ? {} : { url: dashboardUrl(`http://${httpHost}:${httpPort}`) },
  ).catch((error: unknown) => {
    throw noRoomError(path, error) ?? error
  })
  if (turn !== null) return turn
  const holder = await holderOf(path)
  const other = holder === null ? 'another process' : `process ${holder.pid}`
  const where = holder?.url === undefined ? '; it is starting' : `; its dashboard is at ${holder.url}`
  throw new CommandFailedError(`dev runs on STATE_DIR ${config.stateDir} already, in ${other}${where}`)
}

const dashboardUrl = (url: string): string => `${url}/`

interface Turn extends DevOptions {
  readonly configured: RideConfig
  readonly turn: ProcessLock
}

async function runAlone({ configured, speed, turn }: Turn): Promise<void> {
  const shutdown = onShutdown()
  const kafka = await provideKafka(configured)
  try {
    const config = await devConfig(configured, kafka.bootstrap)
    if (!shutdown.signal.aborted) await runOn({ kafka, config, speed, shutdown, turn })
  } finally {
    if (kafka.local !== null) {
      printLine('stopping Kafka')
      await kafka.local.stop()
    }
  }
}

/** The cluster of KAFKA_BROKERS, or a broker of our own whose data stays under STATE_DIR. */
async function provideKafka(config: RideConfig): Promise<ResolvedKafka> {
  const progress = kafkaProgressLine()
  const dataDir = join(resolve(config.stateDir), 'kafka')
  const { onProgress } = progress
  return resolveKafka(process.env, { dataDir, usualPort: true, onProgress }).finally(progress.stop)
}

/** KAFKA_BROKERS as provided; a taken default HTTP port is no reason to stop a first try. */
async function devConfig(config: RideConfig, bootstrap: string): Promise<RideConfig> {
  const isPortGiven = (process.env.HTTP_PORT ?? '') !== ''
  const httpPort = isPortGiven || (await bindProblem(config.httpHost, config.httpPort)) === null ? config.httpPort : 0
  return { ...config, brokers: hostPorts.parse(bootstrap) ?? null, httpPort }
}

interface Run extends DevOptions {
  readonly kafka: ResolvedKafka
  readonly config: RideConfig
  readonly shutdown: ShutdownRequest
  readonly turn: ProcessLock
}

async function runOn({ kafka, config, speed, shutdown, turn }: Run): Promise<void> {
  const logFile = join(config.stateDir, 'dev.log')
  // A disk without room takes no line, and must not hide why dev ends.
  const logger = SafeLogger.of(createLogger({ level: config.logLevel, file: logFile }))
  for (const warning of configWarnings(config)) logger.warn(warning)
  await createTopics(config)
  const application = await openApplication(config, logger)
  await turn.say({ url: dashboardUrl(application.url) })
  const ending = new AbortController()
  const feed = new RideFeed(config, speed)
  const surroundings = {
    brokers: requireBrokers(config).join(','),
    kafka: kafka.local === null ? 'KAFKA_BROKERS' : `Kafka ${kafka.local.version}, ${kafka.local.kind}`,
    url: application.url,
    logFile,
    guarantee: config.processingGuarantee,
  }
  const letters = latestLetters(config)
  const dashboard = new Dashboard({ instance: application.instance, views: rideViews, letters })
  const view = {
    dashboard,
    surroundings,
    feed: () => feed.status(),
    signal: ending.signal,
  }
  const jobs = [feed.run(ending.signal), runLiveView(view)]
  let isKafkaGone = false
  const kafkaEnded = kafka.local?.ended.then((error) => {
    isKafkaGone = true
    return error
  })
  const failure = await Promise.race([
    shutdown.requested.then(() => null),
    application.instance.stopped,
    ...jobs.map(failureOf),
    ...(kafkaEnded === undefined ? [] : [kafkaEnded]),
  ])
  if (failure !== null) logger.error({ ...errorFields(failure), err: failure }, 'stopping')
  ending.abort()
  printLine('closing')
  // Neither the feed nor a last commit needs to wait for brokers that are gone. The next start sends the last events again.
  const patienceMs = isKafkaGone ? 0 : config.closeTimeoutMs
  const giveUpAt = performance.now() + patienceMs
  const patience = sleep(patienceMs, undefined, { ref: false })
  await Promise.race([Promise.allSettled(jobs).then(() => dashboard.close()), patience])
  await application.close({ timeoutMs: Math.max(0, giveUpAt - performance.now()) })
  if (failure !== null) throw failure
}

/** Recorded events are years old: kept forever, or the broker would delete them by their age. */
async function createTopics(config: RideConfig): Promise<void> {
  const { applicationId, outputRetentionMs } = config
  await withKafka(config, ({ admin }) =>
    createRideTopics(admin, { applicationId, outputRetentionMs, keepForever: true }),
  )
}

/** Resolves only if the job fails. */
function failureOf(job: Promise<void>): Promise<Error> {
  return new Promise((resolve) => {
    job.catch((error: unknown) => resolve(error instanceof Error ? error : new Error(String(error))))
  })
}
