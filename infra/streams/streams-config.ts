import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../runtime/instance/streams-config.ts'
import { type Config, nameInEnvironment, sharesOf } from '../config/config.ts'
import type { NameOf } from '../config/given-values.ts'
import type { ExceptionHandlers } from './app-definition.ts'

/** The runtime's share of the configuration. */
export function streamsConfig(
  config: Config,
  deadLetterTopic: string,
  nameOf: NameOf = nameInEnvironment,
): StreamsConfig {
  return {
    ...DEFAULT_STREAMS_CONFIG,
    applicationId: config.applicationId,
    processingGuarantee: config.processingGuarantee,
    commitIntervalMs: config.commitIntervalMs,
    autoOffsetReset: config.autoOffsetReset,
    deserializationExceptionHandler: config.deserializationExceptionHandler,
    processingExceptionHandler: config.processingExceptionHandler,
    productionExceptionHandler: config.productionExceptionHandler,
    taskTimeoutMs: config.taskTimeoutMs,
    sessionTimeoutMs: config.sessionTimeoutMs,
    deadLetterTopic,
    staleStore: config.staleStore,
    names: { taskTimeoutMs: nameOf('taskTimeoutMs'), autoOffsetReset: nameOf('autoOffsetReset') },
    maxEpochBytes: sharesOf(config).maxEpochBytes,
    cacheMaxBytes: cacheBytesOf(config, config.numStreamThreads),
  }
}

/** The share of one thread in the caches of an instance that has so many. */
export function cacheBytesOf({ statestoreCacheMaxBytes }: Config, threads: number): number {
  return Math.floor(statestoreCacheMaxBytes / threads)
}

/** The configuration with the exception handlers of the application's module. */
export function withHandlers(config: StreamsConfig, handlers: ExceptionHandlers = {}): StreamsConfig {
  const { deserialization, processing, production } = handlers
  return {
    ...config,
    ...(deserialization && { deserializationExceptionHandler: deserialization }),
    ...(processing && { processingExceptionHandler: processing }),
    ...(production && { productionExceptionHandler: production }),
  }
}
