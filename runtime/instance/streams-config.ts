import type { Headers } from '../../state/ports/headers.ts'

/** The record that failed, as bytes. */
export interface FailedInput {
  readonly taskId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Epoch ms. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/**
 * `fail` stops the thread, `continue` counts the record as dropped, `dead-letter` writes it to the dead letter topic, `retry` tries it
 * again after a pause, for taskTimeoutMs at most.
 */
export type ExceptionResponse = 'fail' | 'continue' | 'dead-letter' | 'retry'

/** Decides about a record that failed. Called once per failure, in the thread of its task: it must be quick. What it throws stops the thread. */
export type ExceptionHandlerFunction = (error: Error, record: FailedInput) => ExceptionResponse

/** A handler, or the answer that it would always give. */
export type ExceptionHandler = Exclude<ExceptionResponse, 'retry'> | ExceptionHandlerFunction

export type ProcessingGuarantee = 'exactly_once_v2' | 'at_least_once'

/** The names by which the user knows the settings that errors name: in code, or in an environment. */
export interface SettingNames {
  readonly taskTimeoutMs: string
  readonly autoOffsetReset: string
}

/** The settings that the runtime needs beyond the plan. Times in ms, sizes in bytes. */
export interface StreamsConfig {
  readonly applicationId: string
  readonly processingGuarantee: ProcessingGuarantee
  /** Longest time between commits while records keep coming. */
  readonly commitIntervalMs: number
  /** Shortest time between commits: every commit writes markers to every partition it touched. */
  readonly commitFloorMs: number
  /** Input and output bytes of one epoch after which it is committed whatever the time. Two epochs are held at most. */
  readonly maxEpochBytes: number
  /** Longest slice of processing before messages, timers and I/O are served. */
  readonly sliceMs: number
  /** A partition with more bytes buffered than this is not fetched. */
  readonly maxBufferedBytesPerPartition: number
  readonly autoOffsetReset: 'earliest' | 'latest' | 'none'
  readonly deserializationExceptionHandler: ExceptionHandler
  readonly processingExceptionHandler: ExceptionHandler
  /** Decides about a record whose output cannot be written; none of the record's effects is kept. */
  readonly productionExceptionHandler: ExceptionHandler
  /** How long tasks retry without progress what brokers do not do, before the thread fails. */
  readonly taskTimeoutMs: number
  /** The group expels a member that is silent for so long. */
  readonly sessionTimeoutMs: number
  /** Null: bad records stop the instance unless the handlers say `dead-letter`, which needs a topic. */
  readonly deadLetterTopic: string | null
  /** How often repartition topics are purged below the committed offsets. */
  readonly repartitionPurgeIntervalMs: number
  readonly cacheMaxBytes: number
  /** Decides about a store that was away for longer than its changelog keeps deletes: restore it from the beginning, or stop. */
  readonly staleStore: 'restore' | 'fail'
  readonly names: SettingNames
  /** The last replay that the stores on this machine know (runtime/replay). Absent: not checked. */
  readonly replayEpoch?: number
}

export const DEFAULT_STREAMS_CONFIG: Omit<StreamsConfig, 'applicationId'> = {
  processingGuarantee: 'exactly_once_v2',
  commitIntervalMs: 100,
  commitFloorMs: 8,
  maxEpochBytes: 16 * 1024 * 1024,
  sliceMs: 5,
  maxBufferedBytesPerPartition: 128 * 1024,
  autoOffsetReset: 'earliest',
  deserializationExceptionHandler: 'fail',
  processingExceptionHandler: 'fail',
  productionExceptionHandler: 'fail',
  taskTimeoutMs: 300_000,
  sessionTimeoutMs: 10_000,
  deadLetterTopic: null,
  repartitionPurgeIntervalMs: 30_000,
  cacheMaxBytes: 64 * 1024 * 1024,
  staleStore: 'restore',
  names: { taskTimeoutMs: 'taskTimeoutMs', autoOffsetReset: 'autoOffsetReset' },
}
