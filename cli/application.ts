import type { RideConfig } from '../app/config/ride-config.ts'
import { AuditTrail } from '../app/export/postgres/audit-trail.ts'
import { rideApp } from '../app/ride-app.ts'
import { createRideTopics } from '../app/topics/create-topics.ts'
import { openOffers } from '../app/topics/open-tail.ts'
import { sharedOutputs } from '../app/topics/other-applications.ts'
import { openTopicLog } from '../app/topics/topic-log.ts'
import { kafkaConnection } from '../infra/config/index.ts'
import { bindProblem, HttpBindError } from '../infra/http/port/index.ts'
import { serveQueries } from '../infra/http/serve/index.ts'
import { AppLog, type Logger } from '../infra/logging/index.ts'
import { startApp } from '../infra/streams/index.ts'
import { requireTopics } from '../infra/streams/topics/index.ts'
import type { StreamWorkers } from '../infra/streams/workers/index.ts'
import { tracingConfig, tracingOf } from '../infra/tracing/index.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import type { CloseOptions, StreamsInstance } from '../runtime/index.ts'
import { deadLetterTopic } from '../topology/index.ts'

/** The application in this process: the instance and the HTTP server in front of it. */
export interface Application {
  readonly instance: StreamsInstance
  /** URL of the HTTP server. */
  readonly url: string
  /** HTTP first, then the instance: last commit, release tasks, leave the group. */
  close(options?: CloseOptions): Promise<void>
}

export interface OpenOptions {
  /** Gives up a start that waits for brokers. */
  readonly signal?: AbortSignal
  /** Workers of rideApp(), which load already. */
  readonly workers?: StreamWorkers
}

/**
 * Creates the topics that the application owns, starts the instance and the HTTP server; when the server cannot
 * listen, the instance is closed again. Throws MissingTopicError for input topics, HttpBindError, and as startApp.
 */
export async function openApplication(
  config: RideConfig,
  logger: Logger,
  { signal, workers }: OpenOptions = {},
): Promise<Application> {
  const { applicationId, outputRetentionMs, httpHost, httpPort } = config
  // Checked before the join: a start that must fail should disturb nobody.
  const problem = await bindProblem(httpHost, httpPort)
  if (problem !== null) {
    await workers?.discard()
    throw new HttpBindError(httpHost, httpPort, problem)
  }
  const log = new AppLog(logger)
  const starting = startApp({
    config,
    app: rideApp(config),
    workers,
    deadLetterTopic: deadLetterTopic(applicationId),
    prepare: async (admin, onNotice) => {
      await requireTopics(admin, EVENT_TYPES)
      const shared = sharedOutputs(await admin.listTopics(), applicationId)
      if (shared !== null) onNotice(shared)
      await createRideTopics(admin, { applicationId, outputRetentionMs, roles: ['output', 'dead-letter'], onNotice })
    },
    onEvent: log.write,
    ...(signal && { signal }),
  })
  // A third of all modules serve HTTP: they are loaded while brokers answer.
  const loading = import('../app/http/ride-http.ts')
  loading.catch(() => undefined) // awaited below, once there is an instance to close
  const instance = await starting
  try {
    const { rideHttp } = await loading
    const { processors } = config
    const connection = kafkaConnection(config)
    const tracing = await tracingOf(tracingConfig(config, instance.processId), (error) =>
      log.write({ type: 'traces-lost', error }),
    )
    const application = rideHttp({
      ...config,
      tracer: tracing?.tracer ?? null,
      openOffers: processors.includes('trip-offers') ? () => openOffers(connection) : null,
      audit: AuditTrail.of(config),
      openDemand: processors.includes('cell-demand') ? () => openTopicLog(connection) : null,
    })
    const { url, close } = await serveQueries(instance, { settings: config, application, logger })
    return {
      instance,
      url,
      close: (options) =>
        close().finally(async () => void (await Promise.all([instance.close(options), tracing?.close()]))),
    }
  } catch (error) {
    await instance.close()
    throw error
  }
}
