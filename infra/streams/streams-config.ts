import { DEFAULT_STREAMS_CONFIG, type StreamsConfig } from '../../runtime/instance/streams-config.ts'
import { type Config, nameInEnvironment } from '../config/config.ts'
import type { NameOf } from '../config/given-values.ts'
import type { ExceptionHandlers } from './app-definition.ts'
import { ThreadBudgets } from './thread-budgets.ts'

/** The runtime's share of the configuration. */
export function streamsConfig(
  config: Config,
  deadLetterTopic: string,
  nameOf: NameOf = nameInEnvironment,
): StreamsConfig {
  const { maxEpochBytes, cacheMaxBytes } = new ThreadBudgets(config).each
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
    maxEpochBytes,
    cacheMaxBytes,
  }
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
