import type { UncaughtExceptionHandler } from '../../runtime/instance/uncaught-exceptions.ts'
import type { RestoreEvent, StreamsInstance } from '../../runtime/ports/instance.ts'
import type { MisplacedKeys } from '../../runtime/task/key-placement.ts'
import type { LostInput } from '../../runtime/task/lost-input.ts'
import { deadLetterTopic } from '../../topology/dead-letter-topic.ts'
import type { Config } from '../config/config.ts'
import { kafkaConnection } from '../config/kafka-connection.ts'
import { connectKafka } from '../kafka/kafka.ts'
import { AppLog } from '../logging/app-log.ts'
import { createLogger } from '../logging/logger.ts'
import { ensureDeadLetterTopic } from './dead-letters/ensure-topic.ts'
import { startApp } from './start-app.ts'

export interface KafkaStreamsOptions {
  /**
   * URL of a module (`import.meta.url` of it) that exports `buildPlan(options)`, which answers a Plan: every stream thread is a worker and
   * builds the topology for itself. The module may export `describeRecord` (DescribeRecord): the fields by which log lines name a bad record.
   */
  readonly module: string
  /** Plain data for buildPlan, to which `applicationId` is added. */
  readonly options?: Readonly<Record<string, unknown>>
  /** The result of loadConfig(): docs/configuration.md. Settings of the ride-hailing application alone are not used. */
  readonly config: Config
  /** Called for failures that the instance recovered from; default: a line of log on stdout. */
  readonly onRecovered?: (error: Error) => void
  readonly onRestore?: (event: RestoreEvent) => void
  /** Called when input was removed before it was processed; default: a line of log on stdout. */
  readonly onInputLost?: (lost: LostInput) => void
  /** Called once per thread and topic whose records do not lie where their keys belong (`checksPartitions`). Default: a line of log. */
  readonly onMisplacedKeys?: (keys: MisplacedKeys) => void
  /** Decides when a stream thread dies of an error; default: what UNCAUGHT_EXCEPTION_HANDLER says. */
  readonly uncaughtExceptionHandler?: UncaughtExceptionHandler
}

/**
 * Runs a topology of one's own on Kafka, as `new KafkaStreams(topology, config).start()`. Makes the dead letter topic and internal topics;
 * the topics the topology reads and writes must exist. Stop it with `close()` of the answer.
 * @throws MissingTopicError, StreamsTopologyError, StateDirectoryError, StreamsConfigError
 */
export async function startKafkaStreams(options: KafkaStreamsOptions): Promise<StreamsInstance> {
  const { module, config, uncaughtExceptionHandler } = options
  const { applicationId } = config
  const log = new AppLog(createLogger({ level: config.logLevel }))
  const kafka = connectKafka(kafkaConnection(config))
  try {
    const admin = kafka.admin({ replicationFactor: config.replicationFactor })
    await ensureDeadLetterTopic(admin, applicationId, log.topicNotice)
  } finally {
    await kafka.close()
  }
  return await startApp({
    config,
    app: { module, options: { ...options.options, applicationId } },
    deadLetterTopic: deadLetterTopic(applicationId),
    onRecovered: options.onRecovered ?? log.recovered,
    onRestore: options.onRestore ?? (() => undefined),
    onStateRemoved: () => undefined,
    onBadRecords: log.badRecords,
    onInputLost: options.onInputLost ?? log.inputLost,
    onMisplacedKeys: options.onMisplacedKeys ?? log.misplacedKeys,
    onTracesLost: log.tracesLost,
    onTopicNotice: log.topicNotice,
    ...(uncaughtExceptionHandler && { uncaughtExceptionHandler }),
  })
}
