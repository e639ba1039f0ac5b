/** The public face of runtime/. */
export { MissingTopicError } from './instance/cluster-plan.ts'
export type {
  ExceptionHandler,
  ExceptionHandlerFunction,
  ExceptionResponse,
  FailedInput,
} from './instance/streams-config.ts'
export { createOwnTopics, mendOwnTopics, type TopicNoticeListener } from './instance/topic-settings.ts'
export type { UncaughtExceptionHandler, UncaughtExceptionResponse } from './instance/uncaught-exceptions.ts'
export type { Clock } from './ports/clock.ts'
export type {
  BrokerReach,
  CloseOptions,
  InstanceState,
  KeyOptions,
  KeyPageOptions,
  KeyQueryMetadata,
  MinOffset,
  QueryAnswer,
  RestoreProgress,
  RowsAnswer,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
  StoreScan,
  StreamsInstance,
  TaskHost,
  TaskStatus,
} from './ports/instance.ts'
export { isCutOff, isUnavailable, NoSuchStoreError, StoreUnavailableError } from './ports/instance.ts'
export type { LostInput, MisplacedKeys, RestoreEvent, TopicNotice } from './ports/instance-events.ts'
export type {
  CommittedOffset,
  EndPositions,
  LogAdmin,
  LogReader,
  LogRecord,
  LogWriter,
  OutputBatch,
  TopicPartition,
} from './ports/log.ts'
export type { GroupMembership, MembershipListener, TaskPartitions } from './ports/membership.ts'
export type { MetricFamily } from './ports/metrics.ts'
export type { RecordSpan, RecordTracer } from './ports/tracing.ts'
export { type PlainRow, plainJson, plainRow } from './queries/plain-row.ts'
export type { StoreViews } from './queries/store-reads.ts'
export { REPLAY_HEADER, replayStateOfOffsets } from './replay/replay-state.ts'
export {
  appendLetter,
  CUT_HEADER,
  deadLetterHeaders,
  deadLetterPartition,
  deadLetterReason,
  UNKNOWN_SIZE,
} from './task/dead-letter.ts'
export { partitionForKey } from './task/partitioner.ts'
export type { DescribeRecord } from './task/record-description.ts'
