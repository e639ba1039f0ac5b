import type { UncaughtExceptionHandler } from '../../runtime/instance/uncaught-exceptions.ts'
import type { StreamsInstance } from '../../runtime/ports/instance.ts'
import type { InstanceEvent, LostInput, MisplacedKeys, RestoreEvent } from '../../runtime/ports/instance-events.ts'
import { deadLetterTopic } from '../../topology/dead-letter-topic.ts'
import type { Config } from '../config/config.ts'

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
  // Programs that only build a topology load none of it.
  const [{ AppLog, createLogger }, { ensureDeadLetterTopic }, { startApp }] = await Promise.all([
    import('../logging/index.ts'),
    import('./dead-letters/ensure-topic.ts'),
    import('./start-app.ts'),
  ])
  const log = new AppLog(createLogger({ level: config.logLevel }))
  return await startApp({
    config,
    app: { module, options: { ...options.options, applicationId } },
    deadLetterTopic: deadLetterTopic(applicationId),
    prepare: (admin, onNotice) => ensureDeadLetterTopic(admin, applicationId, onNotice),
    onEvent: (event, thread) => {
      if (!isHeard(event, options)) log.write(event, thread)
    },
    ...(uncaughtExceptionHandler && { uncaughtExceptionHandler }),
  })
}

/** Calls the listener of the user that the event is for. False: a line of log is to tell it. */
function isHeard(event: InstanceEvent, options: KafkaStreamsOptions): boolean {
  switch (event.type) {
    case 'recovered':
      options.onRecovered?.(event.error)
      return options.onRecovered !== undefined
    case 'input-lost':
      options.onInputLost?.(event.lost)
      return options.onInputLost !== undefined
    case 'misplaced-keys':
      options.onMisplacedKeys?.(event.keys)
      return options.onMisplacedKeys !== undefined
    case 'restore':
      options.onRestore?.(event.restore)
      return true
    case 'state-removed':
      return true
    default:
      return false
  }
}
