import type { RideConfig } from '../app/config/ride-config.ts'
import { rideApp } from '../app/ride-app.ts'
import { createRideTopics } from '../app/topics/create-topics.ts'
import { type Config, formatHostPort, kafkaConnection } from '../infra/config/index.ts'
import type { HttpOptions } from '../infra/http/index.ts'
import { bindProblem, HttpBindError } from '../infra/http/port/index.ts'
import { connectKafka } from '../infra/kafka/index.ts'
import { AppLog, type Logger } from '../infra/logging/index.ts'
import { LatestLetters, type LetterClients } from '../infra/streams/dead-letters/index.ts'
import { startApp } from '../infra/streams/index.ts'
import { requireTopics } from '../infra/streams/topics/index.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import { buildRideTopology } from '../processors/ride-topology.ts'
import type { StreamsInstance } from '../runtime/index.ts'
import { deadLetterTopic } from '../topology/index.ts'

/** The application in this process: the instance and the HTTP server in front of it. */
export interface Application {
  readonly instance: StreamsInstance
  /** URL of the HTTP server. */
  readonly url: string
  /** HTTP first, then the instance: last commit, release tasks, leave the group. */
  close(): Promise<void>
}

/**
 * Creates the topics that the application owns, starts the instance and the HTTP server; when the server cannot
 * listen, the instance is closed again. Throws MissingTopicError for input topics, HttpBindError, and as startApp.
 */
export async function openApplication(config: RideConfig, logger: Logger): Promise<Application> {
  const { applicationId, outputRetentionMs, httpHost, httpPort } = config
  // Checked before the join: a start that must fail should disturb nobody.
  const problem = await bindProblem(httpHost, httpPort)
  if (problem !== null) throw new HttpBindError(httpHost, httpPort, problem)
  const starting = startApp({
    config,
    app: rideApp(config),
    deadLetterTopic: deadLetterTopic(applicationId),
    prepare: async (admin, onNotice) => {
      await requireTopics(admin, EVENT_TYPES)
      await createRideTopics(admin, { applicationId, outputRetentionMs, roles: ['output', 'dead-letter'], onNotice })
    },
    onEvent: new AppLog(logger).write,
  })
  // A third of all modules serve HTTP: they are loaded while brokers answer.
  const loading = Promise.all([import('../infra/http/index.ts'), import('../app/http/ride-http.ts')])
  loading.catch(() => undefined) // awaited below, once there is an instance to close
  const instance = await starting
  try {
    const [{ startHttp }, { rideHttp }] = await loading
    const topology = buildRideTopology(config).describe().toJSON()
    const { url, close } = await startHttp(
      {
        instance,
        application: rideHttp(config),
        topology,
        letters: latestLetters(config),
        token: config.httpToken,
        applicationId,
        announced: config.applicationServer === null ? null : formatHostPort(config.applicationServer),
        allowedHosts: namesOf(config),
        tls: tlsOf(config),
        minOffsetWaitMs: config.httpMinOffsetWaitMs,
        maxSubscribers: config.httpMaxSubscribers,
        logger,
      },
      httpHost,
      httpPort,
    )
    return { instance, url, close: () => close().finally(() => instance.close()) }
  } catch (error) {
    await instance.close()
    throw error
  }
}

/** Host names that clients may call the server by, beside addresses. */
function namesOf({ httpAllowedHosts, httpHost, applicationServer }: Config): readonly string[] {
  return [...(httpAllowedHosts ?? []), httpHost, ...(applicationServer === null ? [] : [applicationServer.host])]
}

function tlsOf({ httpTlsCert: cert, httpTlsKey: key, httpTlsCa: ca }: Config): HttpOptions['tls'] {
  return cert === null || key === null ? null : { cert, key, ca: ca ?? undefined }
}

/** Number of dead letters that the dashboard shows. */
const LETTERS_SHOWN = 20

function latestLetters(config: Config): LatestLetters {
  const connect = (): LetterClients => {
    const kafka = connectKafka(kafkaConnection(config))
    return {
      admin: kafka.admin({ timeoutMs: LETTERS_PATIENCE_MS }),
      reader: kafka.reader({}),
      close: () => kafka.close(),
    }
  }
  return new LatestLetters({ connect, topic: deadLetterTopic(config.applicationId), limit: LETTERS_SHOWN })
}

/** A dashboard can wait for a broker. Closing the instance should not have to. */
const LETTERS_PATIENCE_MS = 3000
