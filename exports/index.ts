/** `ride-streams`: write a topology (DSL, Processor API) and run it on Kafka. */

export { type Config, type Environment, loadConfig } from '../infra/config/index.ts'
export { type KafkaStreamsOptions, startKafkaStreams } from '../infra/streams/index.ts'
export type {
  DescribeRecord,
  InstanceState,
  KeyOptions,
  KeyPageOptions,
  KeyQueryMetadata,
  QueryAnswer,
  RowsAnswer,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
  StoreScan,
  StreamsInstance,
  TaskHost,
  TaskStatus,
  UncaughtExceptionHandler,
} from '../runtime/index.ts'
export { MissingTopicError, NoSuchStoreError, StoreUnavailableError } from '../runtime/index.ts'
export { MissingPackageError, StateDirectoryError, StreamsConfigError, StreamsError } from '../state/index.ts'
export * from '../topology/index.ts'
